/* Heat in the shortcut for print: one bar per method, and the level of chance. */
#include <math.h>

#include "decimal.h"
#include "gnuplot.h"
#include "plots_internal.h"

static bool shown(const struct segmentation_row *row, enum explained explained)
{
    return row->stratum == STRATUM_ALL && row->explained == explained && row->shortcut_images > 0;
}

size_t plots_shortcut_bars(const struct run *run, enum explained explained)
{
    size_t bars = 0;
    for (size_t i = 0; i < run->segmentations; i++)
        bars += shown(&run->segmentation[i], explained);
    return bars;
}

bool plots_has_shortcut(const struct run *run, enum explained explained)
{
    for (size_t i = 0; i < run->segmentations; i++)
        if (shown(&run->segmentation[i], explained) &&
            (explained == EXPLAINED_PREDICTED || !run->segmentation[i].agnostic))
            return true;
    return false;
}

static void put_bars(FILE *f, const struct figure_file *p, double area)
{
    fputs("plot ", f);
    for (size_t i = 0; i < p->run->segmentations; i++) {
        const struct segmentation_row *row = &p->run->segmentation[i];
        struct line_style style = line_style_of(row->method, i);
        char data[64];
        if (!shown(row, p->explained))
            continue;
        snprintf(data, sizeof data, "$bar_%zu using 1:2", i);
        plots_bars(f, data, "(0.7)", &style);
        fprintf(f,
                ", \\\n     $bar_%zu using 1:3:(0):($4-$3) with vectors heads size 0.08,90 lc rgb "
                "'black' notitle, \\\n     ",
                i);
    }
    fprintf(f, "%.6g with lines lc rgb 'black' dt (6,4) lw 1.2 notitle\n", area);
}

/* Returns the height of the page, cm. */
static double put_legend(FILE *f, const struct figure_file *p, size_t bars, double area)
{
    struct bar_legend l;
    char text[160], number[DECIMAL_SIZE];
    plots_legend_begin(f, &l, bars + 1);
    for (size_t i = 0; i < p->run->segmentations; i++) {
        const struct segmentation_row *row = &p->run->segmentation[i];
        struct line_style style = line_style_of(row->method, i);
        if (!shown(row, p->explained))
            continue;
        snprintf(text, sizeof text, "%s (%s)", row->method,
                 decimal(number, row->shortcut.value, 1));
        plots_legend_bar(&l, &style, text);
    }
    snprintf(text, sizeof text, "area of the patch (%s)", decimal(number, area, 1));
    plots_legend_line(&l, text);
    return l.height;
}

void plots_put_shortcut(FILE *f, const struct figure_file *p)
{
    size_t images = 0, bar = 0;
    double area = NAN;
    for (size_t i = 0; i < p->run->segmentations; i++) {
        const struct segmentation_row *row = &p->run->segmentation[i];
        if (!shown(row, p->explained))
            continue;
        fprintf(f, "$bar_%zu << EOD\n%zu %.6g %.6g %.6g\nEOD\n", i, bar++, row->shortcut.value,
                row->shortcut.ci.low, row->shortcut.ci.high);
        images = row->images;
        area = row->shortcut_area;
    }
    fprintf(f,
            "set xrange [-0.6:%.6g]\nset yrange [0:100]\nunset xtics\nset ytics nomirror\n"
            "set ylabel 'heat inside the patch, %%, with 95 %% interval'\n"
            "set grid y lc rgb '#dddddd' lt 1 lw 0.5\nset border 3\n",
            (double)bar - 0.4);
    double height = put_legend(f, p, bar, area);
    for (int kind = 0; kind < PICTURES; kind++) {
        gnuplot_terminal(f, kind, p->stem, 20, height);
        fputs("set multiplot layout 1,1 title ", f);
        plots_title(f, p, "Heat in the shortcut", images);
        fputs(" noenhanced\n", f);
        put_bars(f, p, area);
        fputs("unset multiplot\nset output\n", f);
    }
}
