/* Figures of a report, drawn by gnuplot (colour-blind safe, legible in print). */
#pragma once

#include "report.h"

/* For every run, into directory (made if need be): RUN-perturbation-CLASS.{png,pdf,svg} and
 * RUN-segmentation-CLASS.{png,pdf,svg}, RUN being the result file's name without .h5;
 * RUN-shortcut-CLASS where shortcuts were planted;
 * RUN-recall-CLASS where the data set is there to be read; BASE-ledger-TASK-CLASS where the report
 * has a ledger. What was written is logged, and what was not. E_IO: no gnuplot, or the directory
 * cannot be written. */
enum status plots_write(const struct report *, const char *directory, struct error *err);

/* Is there something to draw for the class, and something that the predicted class's figure does
 * not show? */
bool plots_has_perturbation(const struct run *, enum explained);
bool plots_has_segmentation(const struct run *, enum explained);
bool plots_has_shortcut(const struct run *, enum explained);
size_t plots_shortcut_bars(const struct run *, enum explained); /* methods in it */
