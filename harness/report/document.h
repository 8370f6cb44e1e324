/* Shared by the parts of a report for reading: document.c (a section a run), paper.c (the paper's
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

/* A formatted text through one of the style's blocks. */
void say(const struct writer *, block, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void number_cell(struct grid *, double value); /* two decimals, or a dash for NaN */
void interval_cell(struct grid *, struct interval);
void difference_cell(struct grid *, double difference); /* with its sign, or a dash */
/* Four cells: ours, its interval, the published figure (marked where the setting is another), and
 * the difference where it is the same. */
void figure_cells(struct grid *, const struct figure *);

/* One row stands for both classes of a method that does not look at the class. */
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

/* Which method came first, by how much, how surely, and on what. E_NOMEM. */
enum status in_short(const struct writer *, const struct report *, bool *failed, struct error *err);
/* Whether a run's maps can be trusted. */
void maps_table(const struct writer *, const struct run *, bool *failed);
/* The models of several runs in one table; nothing where report->models has none. */
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
/* Tables 1, 2, 5 and 6 of the paper from whichever runs have their rows. */
void paper_write(const struct writer *, const struct report *, bool *failed);
