/* Tables of methods by metrics: values and ranks, then the agreement of the ranks. */
#include "document.h"

#include <math.h>
#include <stdio.h>

#include "decimal.h"
#include "score_table.h"

/* "61.20 (1)": the value, and among the explanations its rank. */
static void value_cell(struct grid *g, const struct score_table *t, int metric, int method)
{
    double value = t->value[metric * (t->methods + t->controls) + method];
    char text[DECIMAL_SIZE];
    if (isnan(value)) {
        grid_cell(g, "–");
        return;
    }
    decimal(text, value, fabs(value) < 2 ? 3 : 2);
    double rank = method < t->methods ? t->agreement.rank[metric * t->methods + method] : NAN;
    if (isnan(rank))
        grid_cell(g, "%s", text);
    else
        grid_cell(g, "%s (%.3g)", text, rank);
}

static bool has_truth(const struct score_table *t)
{
    for (int k = 0; k < t->metrics; k++)
        if (!isnan(t->metric[k].truth))
            return true;
    return false;
}

static size_t count_undefined(const struct score_table *t)
{
    size_t undefined = 0;
    for (int k = 0; k < t->metrics; k++)
        undefined += t->metric[k].undefined;
    return undefined;
}

/* `shown` of the methods, from `first` on. */
static void values_table(const struct writer *w, const struct score_table *t, int first, int shown,
                         bool *failed)
{
    char align[GRID_COLUMNS + 1] = "lcr", part[64] = "", left_out[64] = "";
    struct grid g;
    size_t undefined = count_undefined(t);
    int heads = has_truth(t) ? 3 : 2, all = t->methods + t->controls;
    for (int m = 0; m < shown; m++)
        align[heads + m] = 'r';
    grid_begin(&g, align);
    grid_cell(&g, "metric");
    grid_cell(&g, "vote");
    if (has_truth(t))
        grid_cell(&g, "τ with the truth");
    for (int m = first; m < first + shown; m++)
        grid_cell(&g, "%s", t->method[m]);
    for (int k = 0; k < t->metrics; k++) {
        const struct score_metric *metric = &t->metric[k];
        grid_cell(&g, "%s %s", metric->title, metric->higher_is_better ? "↑" : "↓");
        grid_cell(&g, "%s", metric->votes ? "yes" : metric->tells ? "" : "blind");
        if (has_truth(t))
            number_cell(&g, metric->truth);
        for (int m = first; m < first + shown; m++)
            value_cell(&g, t, k, m);
    }
    if (shown < all)
        snprintf(part, sizeof part, " (columns %d to %d of %d)", first + 1, first + shown, all);
    if (undefined > 0)
        snprintf(left_out, sizeof left_out, ". %zu undefined values left out", undefined);
    put_table(w, &g, failed,
              "Methods by metrics%s, %s class: means over %zu images, ranks in brackets. blind: no "
              "method is better than random by it (p < .05, Holm)%s",
              part, explained_names[t->explained], t->images, left_out);
}

/* A table holds GRID_COLUMNS; more methods take several of one width. */
static void values_tables(const struct writer *w, const struct score_table *t, bool *failed)
{
    int all = t->methods + t->controls, most = GRID_COLUMNS - 3;
    int tables = (all + most - 1) / most, width = (all + tables - 1) / tables;
    for (int first = 0; first < all; first += width)
        values_table(w, t, first, all - first < width ? all - first : width, failed);
}

static void ranks_table(const struct writer *w, const struct score_table *t, bool *failed)
{
    const struct agreement_result *a = &t->agreement;
    struct grid g;
    grid_begin(&g, "lrrr");
    HEADER(&g, "method", "mean rank", "95 %", "first in");
    for (int m = 0; m < t->methods; m++) {
        char share[DECIMAL_SIZE];
        grid_cell(&g, "%s", t->method[m]);
        number_cell(&g, a->mean_rank[m]);
        interval_cell(&g, a->mean_interval[m]);
        grid_cell(&g, "%s %%", decimal(share, 100 * a->best[m], 1));
    }
    put_table(w, &g, failed, "Mean rank over the metrics that vote (%d)", a->ranking);
}

static void say_agreement(const struct writer *w, const struct score_table *t)
{
    const struct agreement_result *a = &t->agreement;
    if (a->ranking > 1 && !isnan(a->w)) {
        char value[DECIMAL_SIZE], low[DECIMAL_SIZE], high[DECIMAL_SIZE], p[DECIMAL_SIZE];
        say(w, w->style->text.paragraph,
            "Agreement of the metrics that vote: Kendall's W = %s [%s, %s] (1: the same order by "
            "all; p = %s where methods had no order). Of the metrics that ask one question the "
            "first that knows a method from random votes, so that none counts twice; metrics that "
            "only describe have no vote.",
            decimal(value, a->w, 2), decimal(low, a->w_interval.low, 2),
            decimal(high, a->w_interval.high, 2), decimal(p, a->w_p, 4));
    }
}

static void say_undefined(const struct writer *w, const struct score_table *t)
{
    size_t undefined = count_undefined(t);
    if (undefined > 0)
        say(w, w->style->text.paragraph,
            "Scores that are not defined (constant maps, images without object, flat curves) are "
            "left out of the means: %zu over all metrics and methods.",
            undefined);
}

void score_tables(const struct writer *w, const struct score_table *t, bool *failed)
{
    if (t->metrics == 0)
        return;
    values_tables(w, t, failed);
    say_undefined(w, t);
    if (has_truth(t))
        say(w, w->style->text.paragraph,
            "τ with the truth: Kendall's tau-b between the order of all methods by the metric and "
            "by the heat in the planted shortcut, which gives the class away. 1: the metric ranks "
            "them as the truth does; 0: it knows nothing of it.");
    if (t->agreement.ranking > 0 && t->methods > 1) {
        ranks_table(w, t, failed);
        say_agreement(w, t);
    }
}
