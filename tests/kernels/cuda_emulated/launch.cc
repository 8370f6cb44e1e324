/* A launch: whether it may be, and its blocks, one after the other. Switch `order`
 * (EVALH_EMULATED): 0 threads and blocks in order, 1 backwards, 2 and more shuffled, by this seed:
 * what passes in one order alone lacks a barrier. No sanitizer (meson.build), as in fibers.cc. */
#include <algorithm>
#include <cstdio>
#include <numeric>
#include <random>
#include <set>
#include <string>

#include "block.h"

enum { MAX_THREADS = 1024 };

bool emulated_launch_fits(const emulated_launch &l)
{
    const uint64_t threads = (uint64_t)l.block.x * l.block.y * l.block.z;
    return threads >= 1 && threads <= MAX_THREADS && l.block.z <= 64 && l.grid.x >= 1 &&
           l.grid.x <= 0x7fffffff && l.grid.y >= 1 && l.grid.y <= 65535 && l.grid.z >= 1 &&
           l.grid.z <= 65535 && l.shared <= emulated_shared_limit(l.kernel);
}

static void shuffle(std::vector<unsigned> &v, unsigned count, long order, std::mt19937 &random)
{
    v.resize(count);
    std::iota(v.begin(), v.end(), 0u);
    if (order == 1)
        std::reverse(v.begin(), v.end());
    else if (order > 1)
        std::shuffle(v.begin(), v.end(), random);
}

void emulated_run(const emulated_launch &launch, const std::function<void()> &thread)
{
    static const long order = emulated_option("order", 0);
    static std::mt19937 random((unsigned)order);
    static const bool names = emulated_option("names", 0) != 0;
    static std::set<std::string> &told = *new std::set<std::string>();
    if (names && told.insert(launch.name).second)
        fprintf(stderr, "emulated GPU: launches %s\n", launch.name);
    std::vector<unsigned> blocks, threads;
    const dim3 &grid = launch.grid, &block = launch.block;
    emulated_begin_blocks(launch, thread);
    emulated_reset_shared();
    shuffle(blocks, grid.x * grid.y * grid.z, order, random);
    for (unsigned b : blocks) {
        shuffle(threads, block.x * block.y * block.z, order, random);
        emulated_run_block({ b % grid.x, b / grid.x % grid.y, b / grid.x / grid.y }, threads);
    }
    emulated_end_blocks();
}
