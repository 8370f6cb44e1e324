/* Shared by the parts of a report: document.c (one section per run), paper.c (the paper's
 * tables). */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "format.h"

struct writer {
    const struct style *style;
    FILE *f;
    const char *doubt; /* what is wrong with the runs at hand, said at every table; NULL: nothing */
};

typedef void (*block)(FILE *, const char *text);

/* Writes a formatted text through one of the style's blocks. */
void say(const struct writer *, block, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void number_cell(struct grid *, double value); /* two decimals, or a dash for NaN */
void interval_cell(struct grid *, struct interval);
void difference_cell(struct grid *, double difference); /* with its sign, or a dash */
/* Adds four cells: our figure, its interval, the published figure (marked where its conditions
 * differ), and the difference (where they do not). */
void figure_cells(struct grid *, const struct figure *);

/* Whether one row stands for both classes, because the method does not depend on the class. */
bool row_hidden(enum explained, bool agnostic);
void name_cells(struct grid *, const char *method, enum explained, bool agnostic);

void header_cells(struct grid *, const char *const *names, size_t count);
#define HEADER(g, ...)                                                                             \
    header_cells(g, (const char *const[]){ __VA_ARGS__ },                                          \
                 sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *))

/* Writes a table with its caption and frees it; *failed is set where memory ran out. */
void put_table(const struct writer *, struct grid *, bool *failed, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

const char *base_name(const char *path);
/* "demo_vim.h5: vim_tiny on demo", cut to size. */
void run_title(const struct run *, char *out, size_t size);

/* Writes which method came first, by how much, with what certainty, and on which data. E_NOMEM. */
enum status in_short(const struct writer *, const struct report *, bool *failed, struct error *err);
/* Whether a run's maps can be trusted. */
void maps_table(const struct writer *, const struct run *, bool *failed);
/* Writes the models of several runs as one table; nothing where report->models is empty. */
void models_tables(const struct writer *, const struct report *, bool *failed);
/* Constant maps, ties, and what maps leave out. */
void maps_table(const struct writer *, const struct run *, bool *failed);
#define DROPPED_HEAD "on no patch, %" /* a column that most runs have nothing in */
/* Every score of a run, method by method, and what the metrics say together. */
struct score_table;
void score_tables(const struct writer *, const struct score_table *, bool *failed);
/* How alike maps stay when layers get fresh weights; nothing where the run has no such records. */
void randomisation_tables(const struct writer *, const struct randomised *, bool *failed);
/* What each switch changes; the report has a ledger. */
void ledger_table(const struct writer *, const struct report *, bool *failed);
/* Writes the paper's Tables 1, 2, 5 and 6 from the runs that have their rows. */
void paper_write(const struct writer *, const struct report *, bool *failed);
