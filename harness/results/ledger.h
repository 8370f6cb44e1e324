/* The ledger of protocol differences: runs that differ from one of them in a single key of the
 * config, as run.vary makes them, and what that key does to every score. */
#pragma once

#include "compare.h"
#include "report.h"

struct ledger_entry {
    size_t run;           /* index in the report */
    char key[160];        /* "ties = reverse", "run.protocol = paper" */
    struct paired paired; /* the base as A, this run as B, on the same images: without the rows
                           * whose records are the same in every image, and without those of the
                           * target class that repeat the predicted one's */
};

struct ledger {
    size_t base; /* index in the report: the run that most others differ from in one key */
    struct ledger_entry *entry;
    size_t entries; /* 0: there is no such pair of runs */
};

/* E_NOMEM. */
enum status ledger_build(const struct report *, struct ledger *out, struct error *err);
void ledger_free(struct ledger *);

enum { LEDGER_FIGURES = 5 };
/* Names of the figures in struct paired_row: positive AUC ... mIoU. */
extern const char *const ledger_figures[LEDGER_FIGURES];

/* NULL where this run has no such row. */
const struct paired_row *ledger_row(const struct ledger_entry *, const char *method, enum explained,
                                    const char *figure);
