/* Figures of a report, drawn by gnuplot (colour-blind safe, legible in print). */
#pragma once

#include "report.h"

/* For every run, into directory (made if need be): RUN-perturbation-CLASS.{png,pdf,svg} and
 * RUN-segmentation-CLASS.{png,pdf,svg}, RUN being the result file's name without .h5. What was
 * written is logged. E_IO: no gnuplot, or the directory cannot be written. */
enum status plots_write(const struct report *, const char *directory, struct error *err);
