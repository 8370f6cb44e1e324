/* Bars that can be distinguished without colour, and their legend. */
#include <math.h>

#include "plots_internal.h"

void plots_bars(FILE *f, const char *data, const char *width, const struct line_style *style)
{
    fprintf(f, "%s:%s with boxes lc rgb '%s' fs solid 0.85 border lc rgb 'black' notitle", data,
            width, style->colour);
    if (style->hatch != HATCH_NONE)
        fprintf(f,
                ", \\\n     %s:%s with boxes lc rgb 'black' fs transparent pattern %d border lc "
                "rgb 'black' notitle",
                data, width, style->hatch);
}

/* Distances in cm, and the place where bars end and the legend begins as shares of the page's
 * width. */
static const double row_height = 0.55, least_height = 9, bars_end = 0.735, legend_begin = 0.75,
                    swatch = 0.035;

void plots_legend_begin(FILE *f, struct bar_legend *l, size_t rows)
{
    *l = (struct bar_legend){ .script = f, .rows = rows };
    l->height = fmax(least_height, row_height * (double)rows + 2);
    fprintf(f, "unset key\nset rmargin at screen %g\n", bars_end);
}

/* An entry's middle, as a share of the page's height, and its text. */
static double next_row(struct bar_legend *l, const char *text)
{
    double up = (double)l->rows / 2 - 0.5 - (double)l->row++;
    double y = 0.5 + up * row_height / l->height;
    fputs("set label ", l->script);
    gnuplot_text(l->script, text);
    fprintf(l->script, " at screen %.4f,screen %.4f left noenhanced\n",
            legend_begin + swatch + 0.01, y);
    return y;
}

static void put_swatch(FILE *f, double y, double half, const char *colour, const char *fill)
{
    fprintf(f,
            "set object rectangle from screen %.4f,screen %.4f to screen %.4f,screen %.4f front fc "
            "rgb '%s' fs %s border lc rgb 'black'\n",
            legend_begin, y - half, legend_begin + swatch, y + half, colour, fill);
}

void plots_legend_bar(struct bar_legend *l, const struct line_style *style, const char *text)
{
    double y = next_row(l, text), half = 0.16 / l->height;
    char fill[40];
    put_swatch(l->script, y, half, style->colour, "solid 0.85");
    if (style->hatch == HATCH_NONE)
        return;
    snprintf(fill, sizeof fill, "transparent pattern %d", style->hatch);
    put_swatch(l->script, y, half, "black", fill);
}

void plots_legend_point(struct bar_legend *l, const char *text)
{
    double y = next_row(l, text);
    fprintf(l->script,
            "set label '' at screen %.4f,screen %.4f point lc rgb 'black' pt 12 ps 1.3\n",
            legend_begin + swatch / 2, y);
}

void plots_legend_line(struct bar_legend *l, const char *text)
{
    double y = next_row(l, text);
    fprintf(l->script,
            "set arrow from screen %.4f,screen %.4f to screen %.4f,screen %.4f nohead lc rgb "
            "'black' dt (6,4) lw 1.2\n",
            legend_begin, y, legend_begin + swatch, y);
}
