/* /summary of a result file: what the tables print, with 95 % intervals, for readers without evalh.
 * Always derived from the per-image records; no reader of evalh reads it back. */
#pragma once

#include "status.h"

/* Adds /summary to a file that is otherwise whole. */
enum status summary_add(const char *path, struct error *err);
/* Prints the summary of a finished file to stdout. */
enum status summary_print(const char *path, struct error *err);
