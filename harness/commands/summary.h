/* /summary of a result file: what the tables print, with 95 % intervals, for readers without evalh.
 * Always derived from the per-image records; no reader of evalh reads it back. */
#pragma once

#include <stddef.h>

#include "status.h"

/* Adds /summary to a file that is complete otherwise. */
enum status summary_add(const char *path, struct error *err);
/* What a finished file says about its images. */
struct summary_counts {
    size_t scored, skipped;
    const char *why_skipped, *why_none; /* report.h: run_why_skipped */
    size_t masked, labelled; /* of the scored: with a mask, and with a labelled pixel in it */
    enum {
        OBJECTS_UNSEEN,
        OBJECTS_NONE,
        OBJECTS_SOME
    } objects;       /* in the masks; unseen: heat that
                        met none says no more */
    char doubt[400]; /* what is wrong with top-1, in a sentence; "": nothing */
};
/* Prints the summary of a finished file to stdout. */
enum status summary_print(const char *path, struct summary_counts *, struct error *err);
