/* The ledger of protocol differences for print: one panel per figure, one row per switch, one dot
 * per method. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "csv.h"
#include "gnuplot.h"
#include "ledger.h"
#include "plots_internal.h"
#include "svg.h"

struct ledger_plot {
    const struct ledger *ledger;
    const char *figure[3]; /* the panels, NULL-terminated where fewer */
    const char *method[16];
    size_t methods;
};

/* Methods that any panel has a row for, in the tables' order. */
static void find_methods(struct ledger_plot *l, const struct result *base, enum explained explained)
{
    enum { MOST = sizeof l->method / sizeof *l->method };
    for (size_t i = 0; i < base->maps && l->methods < MOST; i++) {
        const char *method = base->map[i].method;
        bool wanted = false;
        for (size_t e = 0; base->map[i].explained == explained && e < l->ledger->entries; e++)
            for (int k = 0; k < 3 && l->figure[k]; k++)
                wanted |= ledger_row(&l->ledger->entry[e], method, explained, l->figure[k]) != NULL;
        if (wanted)
            l->method[l->methods++] = method;
    }
}

/* $FIGURE_METHOD holds difference, low, high, place; a method's dots are drawn a little below those
 * of the previous one. */
static void put_dots(FILE *f, const struct figure_file *p)
{
    const struct ledger_plot *l = p->of;
    for (int k = 0; k < 3 && l->figure[k]; k++)
        for (size_t m = 0; m < l->methods; m++) {
            fprintf(f, "$dots_%d_%zu << EOD\n", k, m);
            for (size_t e = 0; e < l->ledger->entries; e++) {
                const struct paired_row *row =
                    ledger_row(&l->ledger->entry[e], l->method[m], p->explained, l->figure[k]);
                double place = -(double)e - 0.7 * ((double)m + 0.5) / (double)l->methods + 0.35;
                if (row)
                    fprintf(f, "%.6g %.6g %.6g %.6g\n", row->value[1] - row->value[0],
                            row->difference.low, row->difference.high, place);
                else
                    fprintf(f, "NaN NaN NaN %.6g\n", place);
            }
            fputs("EOD\n", f);
        }
}

static void put_names(FILE *f, const struct ledger *l)
{
    fputs("set ytics (", f);
    for (size_t e = 0; e < l->entries; e++) {
        fputs(e ? ", " : "", f);
        gnuplot_text(f, l->entry[e].key);
        fprintf(f, " %d", -(int)e);
    }
    fputs(") scale 0 noenhanced\n", f);
}

/* The range of all intervals and 0, with a margin, and its ticks: a panel is a third of the page
 * wide. */
static void put_x_axis(FILE *f, const struct ledger_plot *l, enum explained explained, int k)
{
    double low = 0, high = 0;
    for (size_t e = 0; e < l->ledger->entries; e++)
        for (size_t i = 0; i < l->ledger->entry[e].paired.rows; i++) {
            const struct paired_row *row = &l->ledger->entry[e].paired.row[i];
            if (strcmp(row->figure, l->figure[k]) != 0 || row->explained != explained)
                continue;
            low = fmin(low, row->difference.low);
            high = fmax(high, row->difference.high);
        }
    double margin = high > low ? 0.05 * (high - low) : 1;
    fprintf(f, "set xrange [%.6g:%.6g]\nset xtics %g\n", low - margin, high + margin,
            chart_step(high - low + 2 * margin, 7));
}

/* Writes "no change" beside switches that change no method's figure. */
static void put_untouched(FILE *f, const struct ledger_plot *l, enum explained explained, int k)
{
    fputs("unset label\n", f);
    for (size_t e = 0; e < l->ledger->entries; e++) {
        bool any = false;
        for (size_t m = 0; m < l->methods; m++)
            any |= ledger_row(&l->ledger->entry[e], l->method[m], explained, l->figure[k]) != NULL;
        if (!any)
            fprintf(f,
                    "set label 'no change' at first 0,%d center front boxed tc rgb '#777777' "
                    "font ',8'\n",
                    -(int)e);
    }
}

static void put_panel(FILE *f, const struct ledger_plot *l, enum explained explained, int k,
                      double left, double right)
{
    fprintf(f, "set lmargin at screen %.4f\nset rmargin at screen %.4f\nset title ", left, right);
    gnuplot_text(f, l->figure[k]);
    fputc('\n', f);
    put_x_axis(f, l, explained, k);
    put_untouched(f, l, explained, k);
    fputs("plot ", f);
    for (size_t m = 0; m < l->methods; m++) {
        struct line_style style = line_style_of(l->method[m], m);
        fprintf(f,
                "%s$dots_%d_%zu using 1:4:2:3 with xerrorbars lc rgb '%s' pt %d ps 0.8 lw 1.2 "
                "title ",
                m ? ", \\\n     " : "", k, m, style.colour, style.point);
        gnuplot_text(f, l->method[m]);
    }
    fputc('\n', f);
}

static void put_ledger(FILE *f, const struct figure_file *p)
{
    const struct ledger_plot *l = p->of;
    int panels = 0;
    while (panels < 3 && l->figure[panels])
        panels++;
    size_t legend_rows = (l->methods + 3) / 4;
    double foot = 1.6 + 0.48 * (double)legend_rows; /* cm, below the panels */
    double height = foot + 1.75 + (0.3 + 0.26 * (double)l->methods) * (double)l->ledger->entries;
    put_dots(f, p);
    fputs("set style textbox opaque noborder margins 1,0.3\n", f);
    fprintf(f,
            "set yrange [%.6g:0.6]\nset border 1\nset xtics nomirror\n"
            "set grid x lc rgb '#dddddd' lt 1 lw 0.5\n"
            "set arrow 1 from first 0, graph 0 to first 0, graph 1 nohead lc rgb '#666666'\n"
            "set xtics font ',8'\nset bmargin at screen %.4f\nset tmargin at screen %.4f\n",
            -(double)l->ledger->entries + 0.4, foot / height, 1 - 1.75 / height);
    for (int kind = 0; kind < PICTURES; kind++) {
        gnuplot_terminal(f, kind, p->stem, 20, height);
        fprintf(f, "set multiplot layout 1,%d title ", panels);
        plots_title(f, p, "What each switch changes", l->ledger->entry[0].paired.images);
        fputs(" noenhanced\n", f);
        put_names(f, l->ledger);
        for (int k = 0; k < panels; k++) {
            double left = 0.22 + 0.76 * k / panels, right = 0.22 + 0.76 * (k + 1) / panels - 0.03;
            /* one legend and one axis name below all panels */
            if (k == 0)
                fprintf(f,
                        "set key at screen 0.58, screen %.4f center top vertical reverse Left "
                        "samplen 1 maxrows %zu\n",
                        (0.3 + 0.48 * (double)legend_rows) / height, legend_rows);
            else
                fputs("unset key\nunset ytics\n", f);
            put_panel(f, l, p->explained, k, left, right);
        }
        fprintf(f,
                "unset label\nset label 'difference from the base, points, with paired 95 %% "
                "interval' at screen 0.6,screen %.4f center\nunset border\nunset tics\n"
                "unset grid\nunset arrow\nset title ' '\nplot [0:1][0:1] NaN notitle\n"
                "unset label\nset border 1\nset xtics nomirror\nset grid x\n"
                "set arrow 1 from first 0, graph 0 to first 0, graph 1 nohead lc rgb '#666666'\n"
                "unset multiplot\nset output\n",
                (0.6 + 0.48 * (double)legend_rows) / height);
    }
}

static void put_csv(FILE *f, const struct figure_file *p)
{
    const struct ledger_plot *l = p->of;
    fputs("switch,method,figure,difference_points,low,high\n", f);
    for (size_t e = 0; e < l->ledger->entries; e++)
        for (size_t m = 0; m < l->methods; m++)
            for (int k = 0; k < 3 && l->figure[k]; k++) {
                const struct paired_row *row =
                    ledger_row(&l->ledger->entry[e], l->method[m], p->explained, l->figure[k]);
                if (!row)
                    continue;
                csv_field(f, l->ledger->entry[e].key);
                fputc(',', f);
                csv_field(f, l->method[m]);
                fprintf(f, ",%s", l->figure[k]);
                csv_number(f, row->value[1] - row->value[0]);
                csv_number(f, row->difference.low);
                csv_number(f, row->difference.high);
                fputc('\n', f);
            }
}

enum status plots_ledger(const struct report *report, const char *directory, const char *base_name,
                         struct error *err)
{
    static const char *const tasks[] = { "perturbation", "segmentation" };
    static const char *const figures[][3] = { { "positive AUC", "negative AUC", NULL },
                                              { "pixel accuracy", "mAP", "mIoU" } };
    for (int t = 0; t < 2; t++)
        for (int c = 0; c < EXPLAINED_CLASSES; c++) {
            struct ledger_plot l = { .ledger = report->ledger };
            struct figure_file p = { .run = &report->run[report->ledger->base],
                                     .explained = (enum explained)c,
                                     .of = &l };
            memcpy(l.figure, figures[t], sizeof l.figure);
            find_methods(&l, p.run->result, p.explained);
            if (l.methods == 0)
                continue;
            if (asprintf(&p.stem, "%s/%s-ledger-%s-%s", directory, base_name, tasks[t],
                         explained_names[c]) < 0)
                return fail(err, E_NOMEM, "no memory for plots");
            enum status status =
                plots_draw(&p, &(const struct drawing){ put_ledger, put_csv }, err);
            free(p.stem);
            TRY(status);
        }
    return OK;
}
