/* Methods by metrics for print: ranks as shades, with their intervals. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "csv.h"
#include "decimal.h"
#include "plots_internal.h"
#include "score_table.h"

/* Columns are methods, rows metrics from the top; one row above them is the mean rank. */
static const double row_height = 0.52, title_width = 8.4, least_column = 2.6; /* cm */

static bool has_mean(const struct score_table *t)
{
    return t->agreement.ranking > 0;
}

static int row_count(const struct score_table *t)
{
    return t->metrics + has_mean(t);
}

/* White to blue, dark for the best; what stands on it is white where it is dark. */
static void put_cell(FILE *f, int column, double y, double rank, struct interval ci, int methods)
{
    rank = round(10 * rank) / 10; /* means have more places than room */
    ci = (struct interval){ round(10 * ci.low) / 10, round(10 * ci.high) / 10 };
    char text[DECIMAL_SIZE], low[DECIMAL_SIZE], high[DECIMAL_SIZE], all[4 * DECIMAL_SIZE];
    if (isnan(rank))
        return;
    double shade = score_shade(rank, methods), depth = 0.08 + 0.8 * shade;
    int rgb[3] = { 11, 92, 173 };
    for (int c = 0; c < 3; c++)
        rgb[c] = (int)lround(255 - depth * (255 - rgb[c]));
    fprintf(f,
            "set object rectangle from %g,%g to %g,%g fc rgb '#%02x%02x%02x' fs solid noborder\n",
            column + 0.02, y + 0.04, column + 0.98, y + 0.96, (unsigned)rgb[0], (unsigned)rgb[1],
            (unsigned)rgb[2]);
    decimal_short(text, rank);
    if (isnan(ci.low))
        snprintf(all, sizeof all, "%s", text);
    else
        snprintf(all, sizeof all, "%s  [%s, %s]", text, decimal_short(low, ci.low),
                 decimal_short(high, ci.high));
    fputs("set label ", f);
    gnuplot_quote(f, all);
    fprintf(f, " at %g,%g center front noenhanced textcolor rgb '%s'\n", column + 0.5, y + 0.5,
            shade > 0.5 ? "white" : "black");
}

static void put_title(FILE *f, double y, const char *text, bool shown)
{
    fputs("set label ", f);
    gnuplot_quote(f, text);
    fprintf(f, " at -0.08,%g right noenhanced textcolor rgb '%s'\n", y + 0.5,
            shown ? "black" : "#777777");
}

static void put_rows(FILE *f, const struct score_table *t)
{
    const struct agreement_result *a = &t->agreement;
    int rows = row_count(t), at = rows;
    if (has_mean(t)) {
        char text[80];
        snprintf(text, sizeof text, "mean of those that vote (%d)", a->ranking);
        put_title(f, --at, text, true);
        for (int m = 0; m < t->methods; m++)
            put_cell(f, m, at, a->mean_rank[m], a->mean_interval[m], t->methods);
        fprintf(f, "set arrow from -0.05,%d to %d,%d nohead lw 1.2\n", at, t->methods, at);
    }
    for (int i = 0; i < t->metrics; i++) {
        char text[120];
        int k = score_row(t, i);
        const struct score_metric *metric = &t->metric[k];
        snprintf(text, sizeof text, "%s %s%s", metric->title, metric->higher_is_better ? "↑" : "↓",
                 metric->votes    ? " (votes)"
                 : !metric->tells ? " (blind)"
                                  : "");
        put_title(f, --at, text, metric->tells);
        for (int m = 0; m < t->methods; m++)
            put_cell(f, m, at, a->rank[k * t->methods + m], a->interval[k * t->methods + m],
                     t->methods);
    }
    for (int m = 0; m < t->methods; m++) {
        fputs("set label ", f);
        gnuplot_quote(f, t->method[m]);
        fprintf(f, " at %g,%g center noenhanced\n", m + 0.5, rows + 0.6);
    }
}

static void put_ranks(FILE *f, const struct figure_file *p)
{
    const struct score_table *t = p->of;
    int rows = row_count(t);
    double width = title_width + fmax(13, least_column * t->methods) + 0.4;
    double height = row_height * (rows + 1) + 1.6;
    put_rows(f, t);
    fprintf(f,
            "unset key\nunset border\nunset tics\nset xrange [0:%d]\nset yrange [0:%d]\n"
            "set lmargin at screen %.4f\nset rmargin at screen %.4f\nset bmargin at screen %.4f\n"
            "set tmargin at screen %.4f\n",
            t->methods, rows + 1, title_width / width, 1 - 0.2 / width, 0.5 / height,
            1 - 1.1 / height);
    for (int kind = 0; kind < PICTURES; kind++) {
        gnuplot_terminal(f, kind, p->stem, width, height);
        fputs("set multiplot layout 1,1 title ", f);
        plots_title(f, p, "Ranks by metric", t->images);
        fputs(" noenhanced\nplot NaN notitle\nunset multiplot\nset output\n", f);
    }
}

static void put_csv(FILE *f, const struct figure_file *p)
{
    const struct score_table *t = p->of;
    fputs("metric,votes,blind,method,rank,low,high\n", f);
    for (int k = 0; k < t->metrics; k++)
        for (int m = 0; m < t->methods; m++) {
            const struct interval *ci = &t->agreement.interval[k * t->methods + m];
            csv_field(f, t->metric[k].key);
            fprintf(f, ",%d,%d,", t->metric[k].votes, !t->metric[k].tells);
            csv_field(f, t->method[m]);
            csv_number(f, t->agreement.rank[k * t->methods + m]);
            csv_number(f, ci->low);
            csv_number(f, ci->high);
            fputc('\n', f);
        }
}

enum status plots_ranks(const struct run *run, const struct score_table *t, const char *directory,
                        const char *name, struct error *err)
{
    struct figure_file p = { .run = run, .explained = t->explained, .of = t };
    if (t->metrics == 0 || t->methods < 2)
        return OK;
    if (asprintf(&p.stem, "%s/%s-ranks-%s", directory, name, explained_names[t->explained]) < 0)
        return fail(err, E_NOMEM, "no memory for plots");
    enum status status = plots_draw(&p, &(const struct drawing){ put_ranks, put_csv }, err);
    free(p.stem);
    return status;
}
