/* How alike maps stay when layers get fresh weights, for print. */
#include <math.h>

#include "csv.h"
#include "decimal.h"
#include "plots_internal.h"

bool plots_has_randomisation(const struct run *run, enum explained explained)
{
    return run->randomised.rows > 0 && run->randomised.explained == explained;
}

static void put_data(FILE *f, const struct randomised *t)
{
    for (int s = 0; s < RANDOMISED_SCHEMES; s++)
        for (size_t m = 0; m < t->rows; m++) {
            fprintf(f, "$like_%d_%zu << EOD\n", s, m);
            for (size_t k = 0; k < t->layers; k++)
                fprintf(f, "%zu %.6g\n", k, t->row[m].like[s][RANDOMISED_SPEARMAN_ABS][k]);
            fputs("EOD\n", f);
        }
}

static void put_axis(FILE *f, const struct randomised *t)
{
    size_t every = t->layers > 12 ? t->layers / 8 : 1;
    fputs("set xtics (", f);
    for (size_t k = 0; k < t->layers; k += every) {
        char name[RANDOMISED_NAME];
        const char *text = randomised_layer(t, k, name);
        bool inner = t->layer[k] >= 0 && (size_t)t->layer[k] + 2 < t->layers;
        fprintf(f, "%s'%s' %zu", k > 0 ? ", " : "", inner ? text + 6 : text, k);
    }
    fprintf(f, ") nomirror font ',8'\nset xrange [-0.3:%g]\nset yrange [-1:1]\n",
            (double)t->layers - 0.7);
}

static void put_panel(FILE *f, const struct randomised *t, int scheme, bool named)
{
    fprintf(f, "set title 'fresh weights: %s' noenhanced\nplot ", randomised_titles[scheme]);
    for (size_t m = 0; m < t->rows; m++) {
        struct line_style style = line_style_of(t->row[m].method, m);
        char legend[160], emprt[DECIMAL_SIZE];
        fprintf(f,
                "%s$like_%d_%zu using 1:2 with linespoints lc rgb '%s' dt %s pt %d lw 1.6 ps 0.8 "
                "title ",
                m > 0 ? ", \\\n     " : "", scheme, m, style.colour, style.dash, style.point);
        snprintf(legend, sizeof legend, "%s (%s)", t->row[m].method,
                 decimal(emprt, t->row[m].emprt, 2));
        gnuplot_quote(f, named ? legend : "");
    }
    fputc('\n', f);
}

void plots_put_randomisation(FILE *f, const struct figure_file *p)
{
    const struct randomised *t = &p->run->randomised;
    put_data(f, t);
    put_axis(f, t);
    double height = fmax(9, 0.5 * (double)t->rows + 4);
    fputs("set border 3\nset ytics nomirror\nset grid lc rgb '#dddddd' lt 1 lw 0.5\n"
          "set xlabel 'layer with fresh weights, from the output down'\n",
          f);
    for (int kind = 0; kind < PICTURES; kind++) {
        gnuplot_terminal(f, kind, p->stem, 24, height);
        fputs("set multiplot layout 1,2 title ", f);
        plots_title(f, p, "Randomisation", t->images);
        fputs(" noenhanced\nset ylabel 'rank correlation of magnitudes (lower is better)'\n"
              "unset key\nset lmargin at screen 0.07\nset rmargin at screen 0.39\n",
              f);
        put_panel(f, t, RANDOMISED_CASCADE, false);
        fputs("unset ylabel\nset lmargin at screen 0.45\nset rmargin at screen 0.77\n"
              "set key at screen 0.79,screen 0.5 left center reverse Left samplen 2 title "
              "'in brackets: eMPRT' left\n",
              f);
        put_panel(f, t, RANDOMISED_INDEPENDENT, true);
        fputs("unset multiplot\nset output\n", f);
    }
}

void plots_csv_randomisation(FILE *f, const struct figure_file *p)
{
    const struct randomised *t = &p->run->randomised;
    fputs("method,scheme,layer,measure,similarity\n", f);
    for (size_t m = 0; m < t->rows; m++)
        for (int s = 0; s < RANDOMISED_SCHEMES; s++)
            for (size_t at = 0; at < t->layers; at++)
                for (int k = 0; k < RANDOMISED_MEASURES; k++) {
                    csv_field(f, t->row[m].method);
                    fprintf(f, ",%s,%d,%s", randomised_schemes[s], t->layer[at],
                            randomised_measures[k]);
                    csv_number(f, t->row[m].like[s][k][at]);
                    fputc('\n', f);
                }
}
