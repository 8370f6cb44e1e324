/* What evalh doctor has found so far, and the checks that it makes. Each check prints lines of its
 * own; a fault says what is wrong and what would be right. */
#pragma once

#include "plan.h"

enum doctor_mark { DOCTOR_OK, DOCTOR_NOTE, DOCTOR_FAULT, DOCTOR_MARKS };

struct doctor {
    size_t lines[DOCTOR_MARKS];
    bool doubtful; /* the accuracy is doubtful, which is said again at the end */
    struct config *config;
    struct plan *plan; /* the parts that could be opened; NULL before that */
    bool opens;        /* everything could be opened, so `evalh run` would begin */
    size_t sample;     /* images to decode and classify */
    double quota; /* bytes that may be written, where less than the disk has free; 0: no quota */
};

/* Prints a line and counts it. */
void doctor_say(struct doctor *, enum doctor_mark, const char *about, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* doctor_machine.c: the libraries and the processor. */
void doctor_libraries(struct doctor *);
void doctor_processor(struct doctor *);

/* doctor_inputs.c: the files that were opened. They need d->plan. */
void doctor_checkpoint(struct doctor *);
void doctor_data(struct doctor *);
/* Decodes a sample of the images and, where there is a model, classifies it and compares top-1 with
 * the published accuracy. */
void doctor_sample(struct doctor *);

/* doctor_work.c: runs a few images without storing anything, to say how long the whole run will
 * take and how much disk space its result needs. */
void doctor_work(struct doctor *);
