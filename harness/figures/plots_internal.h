/* What the figures for print share. Private to plots*.c. */
#pragma once

#include <stdio.h>

#include "plots.h"

/* One figure: what it is of, and where it goes. */
struct figure_file {
    const struct run *run;
    enum explained explained;
    const void *of; /* what the drawing needs besides: a ledger, curves of recall */
    char *stem;     /* directory/RUN-WHAT-CLASS, before .png */
};

typedef void (*drawing)(FILE *script, const struct figure_file *);

/* Writes the figure's script with `put` and runs it. */
enum status plots_draw(const struct figure_file *, drawing put, struct error *err);

/* Data, model, protocol, explained class and n are in every figure. */
void plots_title(FILE *script, const struct figure_file *, const char *what, size_t images);

/* The share of heat inside planted shortcuts. */
void plots_put_shortcut(FILE *script, const struct figure_file *);

/* Both draw nothing where there is nothing; the latter says why. */
enum status plots_ledger(const struct report *, const char *directory, const char *base_name,
                         struct error *err);
enum status plots_recall(const struct run *, const char *directory, const char *name,
                         struct error *err);
