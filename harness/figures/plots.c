#include "plots.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "decimal.h"
#include "free_all.h"
#include "gnuplot.h"
#include "ledger.h"
#include "log.h"
#include "plots_internal.h"
#include "score_table.h"

/* --- titles ---------------------------------------------------------------------------------- */

void plots_title(FILE *f, const struct figure_file *p, const char *what, size_t images)
{
    char run_title[RESULT_TITLE_SIZE], title[512];
    result_title(p->run->result, run_title, sizeof run_title);
    snprintf(title, sizeof title, "%s: %s, protocol %s, %s class, n = %zu", what, run_title,
             p->run->result->attribute[ATTR_PROTOCOL], explained_names[p->explained], images);
    gnuplot_text(f, title);
}

/* --- perturbation curves --------------------------------------------------------------------- */

static bool in_perturbation(const struct figure_file *p, const struct perturbation_row *row)
{
    return row->stratum == STRATUM_ALL && row->explained == p->explained;
}

/* $DIRECTION_ROW: removed, accuracy, low, high; percent. Returns the highest value. */
static double put_curves(FILE *f, const struct figure_file *p)
{
    double highest = 0;
    for (size_t i = 0; i < p->run->perturbations; i++) {
        const struct perturbation_row *row = &p->run->perturbation[i];
        for (int d = 0; in_perturbation(p, row) && d < REMOVALS; d++) {
            const struct direction_scores *s = &row->direction[d];
            if (!s->present)
                continue;
            fprintf(f, "$%s_%zu << EOD\n", removal_names[d], i);
            for (int k = 0; k <= s->axis.steps; k++) {
                fprintf(f, "%.6g %.6g %.6g %.6g\n", 100 * curve_share(&s->axis, k),
                        100 * s->accuracy[k], 100 * s->band[k].low, 100 * s->band[k].high);
                highest = fmax(highest, 100 * fmax(s->accuracy[k], s->band[k].high));
            }
            fputs("EOD\n", f);
        }
    }
    return highest;
}

static void put_panel(FILE *f, const struct figure_file *p, enum removal d)
{
    static const char *const titles[] = { "positive: hottest pixels first (lower is better)",
                                          "negative: coldest pixels first (higher is better)" };
    int drawn = 0;

    fprintf(f, "set title '%s'\nplot ", titles[d]);
    for (int layer = 0; layer < 2; layer++) /* bands below, lines above */
        for (size_t i = 0; i < p->run->perturbations; i++) {
            const struct perturbation_row *row = &p->run->perturbation[i];
            struct line_style style = line_style_of(row->method, i);
            char legend[160], area[DECIMAL_SIZE];
            if (!in_perturbation(p, row) || !row->direction[d].present)
                continue;
            fprintf(f, "%s$%s_%zu ", drawn++ ? ", \\\n     " : "", removal_names[d], i);
            if (layer == 0) {
                fprintf(f,
                        "using 1:3:4 with filledcurves lc rgb '%s' fs transparent solid 0.15 "
                        "noborder notitle",
                        style.colour);
                continue;
            }
            snprintf(legend, sizeof legend, "%s (%s)", row->method,
                     decimal(area, row->direction[d].auc.value, 1));
            fprintf(f, "using 1:2 with linespoints lc rgb '%s' dt %s pt %d lw 1.6 ps 0.8 title ",
                    style.colour, style.dash, style.point);
            gnuplot_text(f, legend);
        }
    if (drawn == 0)
        fputs("NaN notitle", f);
    fputc('\n', f);
}

static size_t count_methods(const struct figure_file *p)
{
    size_t count = 0;
    for (size_t i = 0; i < p->run->perturbations; i++)
        count += in_perturbation(p, &p->run->perturbation[i]);
    return count;
}

/* The panel from left to right, in shares of the page, with its legend below, because anywhere else
 * it would cover a curve. */
static void put_place(FILE *f, double left, double right, double height, size_t rows)
{
    fprintf(f,
            "set lmargin at screen %.4f\nset rmargin at screen %.4f\n"
            "set key at screen %.4f,screen %.4f center top vertical maxrows %zu reverse Left "
            "samplen 2 spacing 1.05 title 'in brackets: area under the curve' left\n",
            left, right, (left + right) / 2, (0.7 + 0.45 * (double)rows) / height, rows);
}

static void put_perturbation(FILE *f, const struct figure_file *p)
{
    size_t images = 0;
    for (size_t i = 0; i < p->run->perturbations; i++)
        if (in_perturbation(p, &p->run->perturbation[i]))
            images = p->run->perturbation[i].images;
    size_t rows = (count_methods(p) + 1) / 2;                     /* of the legend */
    double foot = 2.2 + 0.45 * (double)rows, height = foot + 7.4; /* cm */
    double top = put_curves(f, p) * 1.05;
    fprintf(f,
            "set xrange [0:%d]\nset yrange [0:%.6g]\nset xtics 10\n"
            "set xlabel 'pixels removed, %%'\nset tmargin at screen %.4f\n"
            "set bmargin at screen %.4f\nset grid lc rgb '#dddddd' lt 1 lw 0.5\nset border 3\nset "
            "tics nomirror\n",
            p->run->result->axis.upto, top > 0 ? top : 1, 1 - 1.6 / height, foot / height);
    for (int kind = 0; kind < PICTURES; kind++) {
        gnuplot_terminal(f, kind, p->stem, 20, height);
        fputs("set multiplot layout 1,2 title ", f);
        plots_title(f, p, "Perturbation test", images);
        fputs(" noenhanced\nset ylabel 'top-1 accuracy, %, with 95 % interval'\n", f);
        put_place(f, 0.08, 0.5, height, rows);
        put_panel(f, p, REMOVE_HOTTEST);
        fputs("set ylabel\n", f);
        put_place(f, 0.565, 0.98, height, rows);
        put_panel(f, p, REMOVE_COLDEST);
        fputs("unset multiplot\nset output\n", f);
    }
}

/* --- segmentation bars ----------------------------------------------------------------------- */

static bool in_segmentation(const struct figure_file *p, const struct segmentation_row *row)
{
    return row->stratum == STRATUM_ALL && row->explained == p->explained;
}

/* $ROW: place of the bar, value, low, high, published (or NaN). Returns whether any is published.
 */
static bool put_bars(FILE *f, const struct figure_file *p, size_t bars, double width)
{
    size_t bar = 0;
    bool published = false;
    for (size_t i = 0; i < p->run->segmentations; i++) {
        const struct segmentation_row *row = &p->run->segmentation[i];
        if (!in_segmentation(p, row))
            continue;
        fprintf(f, "$bars_%zu << EOD\n", i);
        for (int m = 0; m < SEGMENTATION_METRICS; m++) {
            const struct figure *x = &row->figure[m];
            double at = m + ((double)bar - ((double)bars - 1) / 2) * width;
            fprintf(f, "%.6g %.6g %.6g %.6g %.6g\n", at, x->value, x->ci.low, x->ci.high,
                    x->published);
            published = published || !isnan(x->published);
        }
        fputs("EOD\n", f);
        bar++;
    }
    return published;
}

static void put_bar_plot(FILE *f, const struct figure_file *p, double width, bool published)
{
    int drawn = 0;
    fputs("plot ", f);
    for (size_t i = 0; i < p->run->segmentations; i++) {
        const struct segmentation_row *row = &p->run->segmentation[i];
        if (!in_segmentation(p, row))
            continue;
        struct line_style style = line_style_of(row->method, i);
        char data[64], box[32];
        snprintf(data, sizeof data, "$bars_%zu using 1:2", i);
        snprintf(box, sizeof box, "(%.6g)", 0.9 * width);
        fputs(drawn++ ? ", \\\n     " : "", f);
        plots_bars(f, data, box, &style);
        fprintf(f,
                ", \\\n     $bars_%zu using 1:3:(0):($4-$3) with vectors heads size 0.03,90 lc rgb "
                "'black' notitle",
                i);
        if (published) /* a white diamond with a black rim shows on every colour */
            fprintf(
                f,
                ", \\\n     $bars_%zu using 1:5 with points lc rgb 'white' pt 13 ps 1.3 notitle"
                ", \\\n     $bars_%zu using 1:5 with points lc rgb 'black' pt 12 ps 1.3 notitle",
                i, i);
    }
    fputs(drawn ? "\n" : "NaN notitle\n", f);
}

/* Returns the height of the page, cm. */
static double put_bar_legend(FILE *f, const struct figure_file *p, size_t bars, bool published)
{
    struct bar_legend l;
    plots_legend_begin(f, &l, bars + published);
    for (size_t i = 0; i < p->run->segmentations; i++) {
        struct line_style style = line_style_of(p->run->segmentation[i].method, i);
        if (in_segmentation(p, &p->run->segmentation[i]))
            plots_legend_bar(&l, &style, p->run->segmentation[i].method);
    }
    if (published)
        plots_legend_point(&l, p->run->segmentation_comparability.why[0]
                                   ? "published, other conditions"
                                   : "published");
    return l.height;
}

static void put_segmentation(FILE *f, const struct figure_file *p)
{
    size_t images = 0, bars = 0;
    for (size_t i = 0; i < p->run->segmentations; i++)
        if (in_segmentation(p, &p->run->segmentation[i])) {
            images = p->run->segmentation[i].images;
            bars++;
        }
    double width = 0.8 / (double)(bars ? bars : 1);
    bool published = put_bars(f, p, bars, width);
    fputs("set xrange [-0.5:2.5]\nset yrange [0:100]\n"
          "set xtics ('pixel accuracy' 0, 'mAP' 1, 'mIoU' 2) scale 0\nset ytics nomirror\n"
          "set ylabel 'percent, with 95 % interval'\nset grid y lc rgb '#dddddd' lt 1 lw 0.5\n"
          "set border 3\n",
          f);
    double height = put_bar_legend(f, p, bars, published);
    for (int kind = 0; kind < PICTURES; kind++) {
        gnuplot_terminal(f, kind, p->stem, 20, height);
        /* a multiplot of one plot, so that its title is centred on the page and not squeezed over
         * the bars */
        fputs("set multiplot layout 1,1 title ", f);
        plots_title(f, p, "Segmentation", images);
        fputs(" noenhanced\n", f);
        put_bar_plot(f, p, width, published);
        fputs("unset multiplot\nset output\n", f);
    }
}

/* --- files -----------------------------------------------------------------------------------
 */

/* Writes STEM + ending by calling `put`. */
static enum status write_file(const struct figure_file *p, const char *ending, const char *begin,
                              writing put, char **path, struct error *err)
{
    if (asprintf(path, "%s%s", p->stem, ending) < 0) {
        *path = NULL;
        return fail(err, E_NOMEM, "%s: no memory", p->stem);
    }
    FILE *f = fopen(*path, "w");
    if (!f)
        return fail(err, E_IO, "%s: %s: cannot be written", *path, strerror(errno));
    fputs(begin, f);
    put(f, p);
    bool bad = ferror(f) != 0;
    if (fclose(f) != 0 || bad)
        return fail(err, E_IO, "%s: %s: cannot be written", *path, strerror(errno));
    return OK;
}

enum status plots_draw(const struct figure_file *p, const struct drawing *d, struct error *err)
{
    char *csv = NULL, *script = NULL;
    enum status status = write_file(p, ".csv", "", d->csv, &csv, err);
    if (status == OK)
        status = write_file(p, ".gnuplot",
                            "# Made by evalh report; draw again with: gnuplot THIS_FILE\n"
                            "set encoding utf8\nset termoption noenhanced\n",
                            d->script, &script, err);
    if (status == OK)
        status = gnuplot_run(script, err);
    if (status == OK)
        log_info("wrote %s.png, .pdf, .svg, .csv", p->stem);
    FREE_ALL(csv, script);
    return status;
}

/* "/x/run.h5" -> "run", or "run-2" for the second run of that name. */
static char *run_name(const struct report *report, size_t index)
{
    const char *path = report->run[index].result->path, *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    size_t length = strlen(base), before = 0;
    char *name = NULL;

    if (length > 3 && strcmp(base + length - 3, ".h5") == 0)
        length -= 3;
    for (size_t i = 0; i < index; i++) {
        const char *other = report->run[i].result->path, *cut = strrchr(other, '/');
        before += strcmp(cut ? cut + 1 : other, base) == 0;
    }
    int written = before ? asprintf(&name, "%.*s-%zu", (int)length, base, before + 1)
                         : asprintf(&name, "%.*s", (int)length, base);
    return written < 0 ? NULL : name;
}

bool plots_has_perturbation(const struct run *run, enum explained explained)
{
    for (size_t i = 0; i < run->perturbations; i++)
        if (run->perturbation[i].explained == explained && run->perturbation[i].images > 0 &&
            (explained == EXPLAINED_PREDICTED || !run->perturbation[i].agnostic))
            return true;
    return false;
}

bool plots_has_segmentation(const struct run *run, enum explained explained)
{
    for (size_t i = 0; i < run->segmentations; i++)
        if (run->segmentation[i].explained == explained && run->segmentation[i].images > 0 &&
            (explained == EXPLAINED_PREDICTED || !run->segmentation[i].agnostic))
            return true;
    return false;
}

static enum status draw_run(const struct run *run, const char *directory, const char *name,
                            struct error *err)
{
    const struct {
        const char *what;
        bool (*has)(const struct run *, enum explained);
        struct drawing draw;
    } figures[] = {
        { "perturbation", plots_has_perturbation, { put_perturbation, plots_csv_perturbation } },
        { "segmentation", plots_has_segmentation, { put_segmentation, plots_csv_segmentation } },
        { "shortcut", plots_has_shortcut, { plots_put_shortcut, plots_csv_shortcut } },
        { "randomisation",
          plots_has_randomisation,
          { plots_put_randomisation, plots_csv_randomisation } }
    };
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        for (int c = 0; c < EXPLAINED_CLASSES; c++) {
            struct figure_file p = { .run = run, .explained = (enum explained)c };
            if (!figures[i].has(run, p.explained))
                continue;
            if (asprintf(&p.stem, "%s/%s-%s-%s", directory, name, figures[i].what,
                         explained_names[c]) < 0)
                return fail(err, E_NOMEM, "no memory for plots");
            enum status status = plots_draw(&p, &figures[i].draw, err);
            free(p.stem);
            TRY(status);
        }
    return plots_recall(run, directory, name, err);
}

enum status plots_write(const struct report *report, const char *directory, struct error *err)
{
    TRY(make_directory(directory, err));
    for (size_t i = 0; i < report->runs; i++) {
        char *name = run_name(report, i);
        enum status status = name ? draw_run(&report->run[i], directory, name, err)
                                  : fail(err, E_NOMEM, "no memory for plots");
        if (status == OK && report->scores)
            status = plots_ranks(&report->run[i], &report->scores[i], directory, name, err);
        if (status == OK && report->ledger && report->ledger->entries > 0 &&
            report->ledger->base == i)
            status = plots_ledger(report, directory, name, err);
        free(name);
        TRY(status);
    }
    return OK;
}
