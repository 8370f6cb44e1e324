/* Copies from device memory to shared memory, 16 bytes each, that go on while their thread does
 * other work. Before a copy is read, the thread that began it calls copies_done, and a barrier lets
 * the readers know. */
#pragma once

#include "cu.h"

#ifdef __CUDACC__
/* Both addresses divide by 16. `valid` false: 16 bytes of zeros, and nothing is read. */
__device__ __forceinline__ void copy_async16(void *shared, const void *from, bool valid)
{
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(
                     (unsigned)__cvta_generic_to_shared(shared)),
                 "l"(from), "r"(valid ? 16 : 0)
                 : "memory");
}

/* Waits for all copies of this thread. */
__device__ __forceinline__ void copies_done(void)
{
    asm volatile("cp.async.wait_all;" ::: "memory");
}
#endif
