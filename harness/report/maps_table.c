/* What tells whether a run's maps can be trusted. */
#include "document.h"

#include <math.h>
#include <string.h>

#include "result_config.h"

static void count_cell(struct grid *g, long count)
{
    if (count < 0)
        grid_cell(g, "n/a");
    else
        grid_cell(g, "%ld", count);
}

static void row_cells(struct grid *g, const struct map_row *row, bool sums)
{
    name_cells(g, row->method, row->explained, row->agnostic);
    if (row->not_finite > 0)
        grid_cell(g, "%ld, %ld of them not finite", row->constant, row->not_finite);
    else
        count_cell(g, row->constant);
    if (isnan(row->largest_tie))
        grid_cell(g, "n/a");
    else
        grid_cell(g, "%.0f", row->largest_tie);
    if (sums && isnan(row->sum_error))
        grid_cell(g, "–");
    else if (sums)
        grid_cell(g, "%.1e", row->sum_error);
    number_cell(g, row->dropped);
}

/* How the run removed the pixels of one tie. */
static const char *order_of_ties(const struct result *r)
{
    char ties[16];
    result_config_value(r, "explain", "ties", ties, sizeof ties);
    if (strcmp(ties, "reverse") == 0)
        return "from the highest index down";
    return strcmp(ties, "random") == 0 ? "in a random order of their own in every image"
                                       : "in the order of their index";
}

void maps_table(const struct writer *w, const struct run *run, bool *failed)
{
    static const char *const names[] = { "method", "class", "constant maps", "largest tie, pixels",
                                         "sum off by" };
    struct grid g;
    bool sums = false, dropped = false;
    for (size_t i = 0; i < run->maps; i++) {
        sums = sums || !isnan(run->map[i].sum_error);
        dropped = dropped || !isnan(run->map[i].dropped);
    }
    grid_begin(&g, sums ? "llrrrr" : "llrrr");
    header_cells(&g, names, sums ? 5 : 4);
    HEADER(&g, DROPPED_HEAD);
    for (size_t i = 0; i < run->maps; i++)
        if (!row_hidden(run->map[i].explained, run->map[i].agnostic))
            row_cells(&g, &run->map[i], sums);
    put_table(w, &g, failed, "Can the maps be trusted?");
    say(w, w->style->text.paragraph,
        "Constant maps, and those that are not finite, give heat 0 everywhere. Pixels of one tie "
        "are removed %s; its size is the mean over the images of the largest one.%s",
        order_of_ties(run->result),
        sums ? " The terms of some methods should add up to the explained score; the sum is off by "
               "this part of their absolute values at most."
             : "");
    if (dropped)
        say(w, w->style->text.paragraph,
            "On no patch: the share of the relevance that is on registers, CLS and the like, which "
            "a map of patches leaves out; mean over the images. Registers are made to draw it.");
}
