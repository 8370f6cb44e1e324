/* In place of CUB's header: a stable sort by some bits of the keys. */
#pragma once

#include <algorithm>
#include <vector>

#include "../../../emulator.h"

namespace cub
{
struct DeviceRadixSort {
    template <typename K, typename V>
    static cudaError_t SortPairs(void *temporary, size_t &temporary_size, const K *key, K *key_out,
                                 const V *value, V *value_out, int count, int begin, int end,
                                 cudaStream_t stream)
    {
        const size_t needed = 4096;
        if (temporary == NULL) {
            temporary_size = needed;
            return cudaSuccess;
        }
        if (temporary_size < needed || count < 0 || begin < 0 || end > (int)sizeof(K) * 8)
            return cudaErrorInvalidValue;
        emulated_enqueue(stream, [=]() {
            const K mask = end - begin == (int)sizeof(K) * 8
                               ? ~K(0)
                               : (K)(((K(1) << (end - begin)) - 1) << begin);
            std::vector<int> order(count);
            std::vector<K> keys(key, key + count);
            std::vector<V> values(value, value + count);
            for (int i = 0; i < count; i++)
                order[i] = i;
            std::stable_sort(order.begin(), order.end(),
                             [&](int a, int b) { return (keys[a] & mask) < (keys[b] & mask); });
            memset(temporary, 0xff, needed);
            for (int i = 0; i < count; i++) {
                key_out[i] = keys[order[i]];
                value_out[i] = values[order[i]];
            }
        });
        return cudaSuccess;
    }
};
} // namespace cub
