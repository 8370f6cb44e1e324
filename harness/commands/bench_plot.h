/* The roofline of a forward pass (Williams, Waterman and Patterson 2009). */
#pragma once

#include "bench.h"

/* Writes STEM.png, .pdf and .svg, and leaves the script at STEM.gnuplot. `what` names what was
 * measured in the title: model, engine and batch. E_IO. */
enum status bench_roofline(const char *stem, const char *what, const struct profile_row *,
                           const struct ceiling *, int callers, struct error *err);
