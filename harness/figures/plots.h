/* Figures of a report, drawn by gnuplot (colour-blind safe, legible in print). */
#pragma once

#include "report.h"

/* Draws for every run, into directory (made where it is missing):
 * RUN-perturbation-CLASS.{png,pdf,svg} and RUN-segmentation-CLASS.{png,pdf,svg}, RUN being the
 * result file's name without .h5; RUN-shortcut-CLASS where shortcuts were planted; RUN-recall-CLASS
 * where the data set can be read; BASE-ledger-TASK-CLASS where the report has a ledger. Logs what
 * was written and what could not be. E_IO: no gnuplot, or the directory cannot be written. */
enum status plots_write(const struct report *, const char *directory, struct error *err);

/* Whether there is something to draw for this class that the predicted class's figure does not
 * show. */
bool plots_has_perturbation(const struct run *, enum explained);
bool plots_has_segmentation(const struct run *, enum explained);
bool plots_has_shortcut(const struct run *, enum explained);
size_t plots_shortcut_bars(const struct run *, enum explained); /* methods in it */
