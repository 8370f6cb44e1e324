/* The shared memory of a block: its arrays, and how much of it a kernel may have. Compiled without
 * a sanitizer (meson.build), as fibers.cc is: NaN and canaries in it are no race. */
#include <sys/mman.h>

#include <algorithm>
#include <map>

#include "block.h"

enum { DEFAULT_SHARED = 48 << 10, CANARY = 64, ARRAYS = 16 };
enum : size_t { POOL = (size_t)1 << 30 };
enum : size_t { MOST_SHARED = 163 << 10 }; /* of a block on an A100; an H100 has 227 KiB */

struct block_array {
    const void *tag;
    void *p;
    size_t bytes;
};

static struct {
    block_array arrays[ARRAYS]; /* [0]: the launch's dynamic memory */
    int count;
    char *pool; /* [POOL] where the blocks of a launch have theirs, one after the other */
    size_t pool_used;
} shared;

/* A canary follows: a write past the end shows when the block ends, a read brings NaN. Every block
 * of a launch has its own place, so that the thread sanitizer does not take one for another. */
static void *new_shared(const void *tag, size_t bytes)
{
    const size_t room = (bytes + CANARY + 255) / 256 * 256;
    if (shared.pool == NULL)
        shared.pool = (char *)mmap(NULL, POOL, PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (shared.pool == MAP_FAILED || shared.count == ARRAYS)
        emulated_fail("no memory for shared memory, or too many arrays in it");
    if (shared.pool_used + room > POOL)
        shared.pool_used = 0;
    volatile char *p = shared.pool + shared.pool_used; /* volatile: no memset, which is watched */
    for (size_t i = 0; i < bytes + CANARY; i++)
        p[i] = (char)0xff;
    shared.pool_used += room;
    shared.arrays[shared.count++] = { tag, (void *)p, bytes };
    return (void *)p;
}

static void check_shared(const block_array &a)
{
    for (size_t i = 0; i < CANARY; i++)
        if (((unsigned char *)a.p)[a.bytes + i] != 0xff)
            emulated_fail("a write past the end of %zu bytes of shared memory", a.bytes);
}

void emulated_reset_shared(void)
{
    shared.pool_used = 0;
}

void emulated_begin_shared(size_t bytes)
{
    shared.count = 0;
    new_shared(NULL, bytes);
}

void emulated_end_shared(void)
{
    for (int i = 0; i < shared.count; i++)
        check_shared(shared.arrays[i]);
}

void *emulated_shared(const void *tag, size_t bytes)
{
    size_t sum = bytes;
    for (int i = 0; i < shared.count; i++) {
        if (shared.arrays[i].tag == tag)
            return shared.arrays[i].p;
        sum += shared.arrays[i].bytes;
    }
    if (sum > MOST_SHARED)
        emulated_fail("%zu bytes of shared memory", sum);
    return new_shared(tag, bytes);
}

void *emulated_dynamic_shared(void)
{
    return shared.arrays[0].p;
}

static std::map<const void *, int> &shared_limits(void)
{
    static std::map<const void *, int> limits;
    return limits;
}

cudaError_t emulated_set_shared(const void *kernel, int bytes)
{
    if (bytes < 0 || (size_t)bytes > MOST_SHARED)
        return cudaErrorInvalidValue;
    shared_limits()[kernel] = bytes;
    return cudaSuccess;
}

size_t emulated_shared_limit(const void *kernel)
{
    const auto found = shared_limits().find(kernel);
    return found == shared_limits().end() ? DEFAULT_SHARED
                                          : std::max((int)DEFAULT_SHARED, found->second);
}
