/* What evalh doctor has found so far, and the checks that it makes. Each check prints lines of its
 * own; a fault says what is wrong and what would be right. */
#pragma once

#include "plan.h"

struct doctor {
    size_t faults, notes;
    bool doubtful; /* the accuracy is: said again at the end */
    struct config *config;
    struct plan *plan; /* what could be opened of it; NULL before */
    bool opens;        /* all of it: `evalh run` would begin */
    size_t sample;     /* images to decode and classify */
    double quota; /* bytes that may be written, where less than the disk has free; 0: no quota */
};

void doctor_good(struct doctor *, const char *about, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void doctor_note(struct doctor *, const char *about, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void doctor_fault(struct doctor *, const char *about, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* doctor_machine.c: what the program runs with. */
void doctor_libraries(struct doctor *);
void doctor_processor(struct doctor *);

/* doctor_inputs.c: what was opened; needs d->plan. */
void doctor_checkpoint(struct doctor *);
void doctor_data(struct doctor *);
/* Decodes a sample, and classifies it where there is a model: top-1 against what was published. */
void doctor_sample(struct doctor *);

/* doctor_work.c: runs a few images, without storing anything: how long the whole will take, and
 * what its result needs on disk. */
void doctor_work(struct doctor *);
