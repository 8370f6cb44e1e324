/* The roofline of a forward pass (Williams, Waterman and Patterson 2009). */
#pragma once

#include "bench.h"

/* STEM.png, .pdf, .svg; the script stays at STEM.gnuplot. `what` was measured: model, engine and
 * batch, for the title. E_IO. */
enum status bench_roofline(const char *stem, const char *what, const struct profile_row *,
                           const struct ceiling *, int callers, struct error *err);
