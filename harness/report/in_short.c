/* The first block of a report: which method came first, by how much, with what certainty, and on
 * which data. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "decimal.h"
#include "document.h"
#include "verdict.h"

enum { MOST_SENTENCES = 6 }; /* number of runs that get sentences beside their rows of the table */

struct line {
    char text[1400];
    size_t parts; /* number of items of an enumeration so far */
};

static void add(struct line *l, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct line *l, const char *format, ...)
{
    size_t at = strlen(l->text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(l->text + at, sizeof l->text - at, format, arguments);
    va_end(arguments);
}

/* Writes what separates the items of an enumeration. */
static void next_part(struct line *l)
{
    add(l, "%s", l->parts++ > 0 ? "; " : "");
}

/* --- sentences ------------------------------------------------------------------------------- */

static void on_what(const struct writer *w, const struct run *run, const struct verdict *v)
{
    const struct result *r = run->result;
    char title[RESULT_TITLE_SIZE], right[DECIMAL_SIZE];
    struct line l = { 0 };
    result_title(r, title, sizeof title);
    add(&l, "On: %s, %zu images", title, run->scored);
    if (!isnan(run->top1.value))
        add(&l, ", %s %% answered right", decimal(right, run->top1.value, 1));
    add(&l, "; protocol %s, %s class", r->attribute[ATTR_PROTOCOL], explained_names[v->explained]);
    if (!r->complete)
        add(&l, "; NOT COMPLETE%s%s", r->progress ? ": " : "", r->progress ? r->progress : "");
    w->style->text.item(w->f, l.text);
}

/* Whether this is the first figure in which its method comes first. */
static bool is_new(const struct verdicts *all, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (strcmp(all->of[i].first, all->of[at].first) == 0)
            return false;
    return true;
}

static size_t count_firsts(const struct verdicts *all, const char *method)
{
    size_t count = 0;
    for (size_t i = 0; i < all->count; i++)
        count += strcmp(all->of[i].first, method) == 0;
    return count;
}

static void who_is_first(const struct writer *w, const struct verdicts *all)
{
    struct line l = { "First: ", 0 };
    for (size_t i = 0; i < all->count; i++) {
        const char *method = all->of[i].first;
        size_t wins = count_firsts(all, method), part = 0;
        if (!is_new(all, i))
            continue;
        next_part(&l);
        add(&l, "%s in ", method);
        for (size_t k = i; k < all->count; k++) {
            char value[DECIMAL_SIZE];
            if (strcmp(all->of[k].first, method) != 0)
                continue;
            add(&l, "%s%s (%s)",
                part == 0          ? ""
                : part + 1 == wins ? " and "
                                   : ", ",
                all->of[k].figure, decimal(value, all->of[k].value, 2));
            part++;
        }
    }
    w->style->text.item(w->f, l.text);
}

static void lead(struct line *l, const struct verdict *v)
{
    char by[DECIMAL_SIZE], low[DECIMAL_SIZE], high[DECIMAL_SIZE], stays[DECIMAL_SIZE];
    if (v->lead == 0)
        add(l, "%s (%s and %s have the same)", v->figure, v->first, v->second);
    else
        add(l, "%s (%s ahead of %s by %s [%s, %s]", v->figure, v->first, v->second,
            decimal(by, v->lead, 2), decimal(low, v->lead_ci.low, 2),
            decimal(high, v->lead_ci.high, 2));
    if (v->lead != 0 && !verdict_settled(v))
        add(l, ", first in %s %% of resamples", decimal(stays, 100 * v->stays, 0));
    add(l, "%s", v->lead == 0 ? "" : ")");
}

/* First the leads whose interval excludes 0, then the others. */
static void how_surely(const struct writer *w, const struct verdicts *all)
{
    for (int settled = 1; settled >= 0; settled--) {
        struct line l = { 0 };
        add(&l, "%s: ", settled ? "Surely" : "Not settled");
        for (size_t i = 0; i < all->count; i++)
            if (all->of[i].second && verdict_settled(&all->of[i]) == (settled == 1)) {
                next_part(&l);
                lead(&l, &all->of[i]);
            }
        if (l.parts > 0)
            w->style->text.item(w->f, l.text);
    }
}

static void against_controls(const struct writer *w, const struct verdicts *all)
{
    struct line l = { "Controls: ", 0 };
    size_t known = 0, beaten = 0;
    for (size_t i = 0; i < all->count; i++) {
        known += all->of[i].control != NULL;
        beaten += all->of[i].control && all->of[i].over_control_ci.low > 0;
    }
    if (known == 0)
        return;
    if (beaten == known)
        add(&l, "the first method is surely ahead of the best of them in %s",
            known == 1 ? "this figure" : "every figure");
    for (size_t i = 0; i < all->count && beaten < known; i++) {
        const struct verdict *v = &all->of[i];
        char by[DECIMAL_SIZE], low[DECIMAL_SIZE], high[DECIMAL_SIZE];
        if (!v->control || v->over_control_ci.low > 0)
            continue;
        next_part(&l);
        add(&l, "in %s no method is surely ahead of %s (%s by %s [%s, %s])", v->figure, v->control,
            v->first, decimal_signed(by, v->over_control, 2),
            decimal_signed(low, v->over_control_ci.low, 2),
            decimal_signed(high, v->over_control_ci.high, 2));
    }
    w->style->text.item(w->f, l.text);
}

/* --- the table ------------------------------------------------------------------------------- */

/* "+2.10 [-0.05, 4.20]", or a dash. */
static void with_interval(struct grid *g, bool has, bool sign, double value, struct interval ci)
{
    char text[DECIMAL_SIZE], low[DECIMAL_SIZE], high[DECIMAL_SIZE];
    if (has)
        grid_cell(g, "%s [%s, %s]", (sign ? decimal_signed : decimal)(text, value, 2),
                  decimal(low, ci.low, 2), decimal(high, ci.high, 2));
    else
        grid_cell(g, "–");
}

static void verdict_cells(struct grid *g, const struct run *run, size_t runs,
                          const struct verdict *v)
{
    char stays[DECIMAL_SIZE];
    if (runs > 1)
        grid_cell(g, "%s", base_name(run->result->path));
    grid_cell(g, "%s %s", v->figure, v->lower_better ? "↓" : "↑");
    grid_cell(g, "%s", v->first);
    with_interval(g, true, false, v->value, v->ci);
    grid_cell(g, "%s", v->second ? v->second : "–");
    with_interval(g, v->second != NULL, true, v->lead, v->lead_ci);
    if (v->second)
        grid_cell(g, "%s %%", decimal(stays, 100 * v->stays, 1));
    else
        grid_cell(g, "–");
    grid_cell(g, "%s", v->control ? v->control : "–");
    with_interval(g, v->control != NULL, true, v->over_control, v->over_control_ci);
}

static void begin_table(struct grid *g, size_t runs)
{
    grid_begin(g, runs > 1 ? "lllrlrrlr" : "llrlrrlr");
    if (runs > 1)
        HEADER(g, "run");
    HEADER(g, "figure", "first", "value", "next", "ahead by", "stays first", "best control",
           "ahead by");
}

static void notes(const struct writer *w, const struct report *report)
{
    say(w, w->style->text.paragraph,
        "Ahead by: how much better the first method is than the next one, and than the best "
        "control, in points on the same images, with a paired bootstrap interval. Stays first: in "
        "how many of %d resamples of the images no other method is better. An interval that "
        "reaches 0 leaves the order open. Controls (noise, distance to the centre, fresh weights) "
        "know nothing of what the model has learned: a method that does not beat them has shown "
        "nothing.",
        report->bootstrap.resamples);
}

static void begin_block(const struct writer *w)
{
    if (w->style->summary_begin)
        w->style->summary_begin(w->f);
    w->style->text.heading(w->f, 1, "In short");
}

enum status in_short(const struct writer *w, const struct report *report, bool *failed,
                     struct error *err)
{
    struct grid g;
    size_t rows = 0;
    begin_table(&g, report->runs);
    for (size_t i = 0; i < report->runs; i++) {
        const struct run *run = &report->run[i];
        struct verdicts all;
        enum status status = verdicts_build(run, &report->bootstrap, &all, err);
        if (status != OK) {
            grid_end(&g);
            return status;
        }
        if (rows == 0 && all.count > 0)
            begin_block(w);
        if (all.count > 0 && report->runs <= MOST_SENTENCES) {
            if (report->runs > 1)
                w->style->text.heading(w->f, 2, base_name(run->result->path));
            on_what(w, run, &all.of[0]);
            who_is_first(w, &all);
            how_surely(w, &all);
            against_controls(w, &all);
        }
        for (size_t k = 0; k < all.count; k++)
            verdict_cells(&g, run, report->runs, &all.of[k]);
        rows += all.count;
        verdicts_free(&all);
    }
    if (rows > 0) {
        put_table(w, &g, failed, "Which method comes first");
        notes(w, report);
        models_tables(w, report, failed);
        if (w->style->summary_end)
            w->style->summary_end(w->f);
    } else {
        grid_end(&g);
        models_tables(w, report, failed);
    }
    return OK;
}
