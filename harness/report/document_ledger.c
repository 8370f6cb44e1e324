/* The ledger: what every switch of the protocol changes. */
#include <stdio.h>
#include <string.h>

#include "document.h"
#include "ledger.h"

static void ledger_row_cells(struct grid *g, const struct ledger_entry *e,
                             const struct paired_row *row)
{
    grid_cell(g, "%s", e->key);
    grid_cell(g, "%s", row->method);
    grid_cell(g, "%s", explained_names[row->explained]);
    grid_cell(g, "%s", row->figure);
    number_cell(g, row->value[0]);
    number_cell(g, row->value[1]);
    difference_cell(g, row->value[1] - row->value[0]);
    interval_cell(g, row->difference);
}

static void untouched_note(const struct writer *w, const struct ledger *l)
{
    char names[400] = "";
    for (size_t e = 0; e < l->entries; e++) {
        size_t at = strlen(names);
        if (l->entry[e].paired.rows == 0)
            snprintf(names + at, sizeof names - at, "%s%s", at ? ", " : "", l->entry[e].key);
    }
    say(w, w->style->text.paragraph,
        "Methods and figures whose records are the same in every image are left out: the switch "
        "does not touch them.%s%s%s",
        *names ? " Nothing here is touched by: " : "", names, *names ? "." : "");
}

void ledger_table(const struct writer *w, const struct report *report, bool *failed)
{
    const struct ledger *l = report->ledger;
    const struct run *base = &report->run[l->base];
    struct grid g;
    char title[RESULT_TITLE_SIZE];
    w->style->text.heading(w->f, 1, "The ledger: one switch at a time");
    say(w, w->style->text.paragraph,
        "Each run differs in one key of its config from %s, in section explain where no other is "
        "named; differences are that run less this one, on the same %zu images.",
        base_name(base->result->path), l->entry[0].paired.images);
    if (w->style->ledger_figures)
        w->style->ledger_figures(w->f, report);
    grid_begin(&g, "llllrrrr");
    HEADER(&g, "switch", "method", "class", "figure", "base", "switched", "difference", "95 % CI");
    for (size_t e = 0; e < l->entries; e++)
        for (size_t i = 0; i < l->entry[e].paired.rows; i++)
            ledger_row_cells(&g, &l->entry[e], &l->entry[e].paired.row[i]);
    result_title(base->result, title, sizeof title);
    put_table(w, &g, failed, "What each switch changes: %s, protocol %s, percent, paired", title,
              base->result->attribute[ATTR_PROTOCOL]);
    untouched_note(w, l);
}
