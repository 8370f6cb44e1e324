/* The emulated runtime: what device.cc, memory.cc and streams.cc ask of each other. */
#pragma once

#include "emulator.h"

/* Hands `e` on, and keeps it for cudaGetLastError where it is one (device.cc). */
cudaError_t emulated_answer(cudaError_t e);

/* Around device work, which alone may touch device memory; they nest (memory.cc). */
void emulated_begin_work(void);
void emulated_end_work(void);

/* Runs all that is queued anywhere (streams.cc). */
void emulated_run_all(void);

/* What may not be done while a stream captures, in a mode up to this one: true, and the capture is
 * spoilt (streams.cc). */
bool emulated_captures(enum cudaStreamCaptureMode up_to);
