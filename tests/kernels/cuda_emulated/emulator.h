/* The emulated device: what its own files share. One device thread runs everything, when the host
 * waits for it and not a moment before; see README.md. */
#pragma once

#include <cuda_runtime.h>

/* Queues work on a stream, or adds it to the graph that the stream captures. */
void emulated_enqueue(cudaStream_t, std::function<void()>);

/* Whether a launch is of a size that cudaLaunchKernel takes; runs all threads of it (launch.cc). */
bool emulated_launch_fits(const emulated_launch &);
void emulated_run(const emulated_launch &, const std::function<void()> &thread);

/* A switch of the environment variable EVALH_EMULATED, "name=number,name=number", or `otherwise`.
 */
long emulated_option(const char *name, long otherwise);
