/* A launch's blocks: what fibers.cc, shared.cc and launch.cc ask of each other. */
#pragma once

#include <vector>

#include "emulator.h"

/* Around the blocks of a launch, both of which are there until the end (fibers.cc). */
void emulated_begin_blocks(const emulated_launch &, const std::function<void()> &thread);
void emulated_end_blocks(void);
/* All threads of one block, which begin in this order. */
void emulated_run_block(const uint3 &block, const std::vector<unsigned> &order);

/* Shared memory (shared.cc): when a launch begins; when a block begins, `bytes` of it dynamic; when
 * a block ends, and writes past an array show. */
void emulated_reset_shared(void);
void emulated_begin_shared(size_t bytes);
void emulated_end_shared(void);
/* Bytes of dynamic memory that a launch of this kernel may have. */
size_t emulated_shared_limit(const void *kernel);
