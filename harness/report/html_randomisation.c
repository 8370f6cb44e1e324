/* Layers with fresh weights on the page: how alike maps stay, from the read-out down. */
#include <math.h>

#include "decimal.h"
#include "html.h"
#include "randomised.h"
#include "svg.h"

enum { MOST = 512 }; /* points of a line */

static void axis_of_layers(const struct chart *c, const struct randomised *t)
{
    size_t every = t->layers > 12 ? t->layers / 8 : 1;
    for (size_t k = 0; k < t->layers; k += every) {
        char name[RANDOMISED_NAME];
        const char *text = randomised_layer(t, k, name);
        fprintf(c->f, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">", chart_x(c, (double)k),
                c->height - c->bottom + 16);
        if (t->layer[k] >= 0 && (size_t)t->layer[k] + 2 < t->layers)
            fprintf(c->f, "%d", t->layer[k]);
        else
            html_text(c->f, text);
        fputs("</text>\n", c->f);
    }
}

static void panel(FILE *f, const struct randomised *t, int scheme)
{
    const struct chart c = { f, 440, 300, 36, 24, 22, 38, { 0, (double)t->layers - 1 }, { -1, 1 } };
    fputs("<div class=\"panel\">", f);
    html_element(f, "<h4>", "</h4>\n", "Fresh weights: %s", randomised_titles[scheme]);
    chart_begin(&c, "Rank correlation with the map of the model itself, by layer; the table has "
                    "the numbers");
    chart_y_axis(&c, 0.5, "rank correlation of magnitudes; lower is better");
    axis_of_layers(&c, t);
    for (size_t m = 0; m < t->rows; m++) {
        struct line_style style = line_style_of(t->row[m].method, m);
        double points[MOST][2];
        size_t count = 0;
        for (size_t k = 0; k < t->layers && count < MOST; k++) {
            double like = t->row[m].like[scheme][RANDOMISED_SPEARMAN_ABS][k];
            points[count][0] = (double)k;
            points[count][1] = like;
            count += !isnan(like);
        }
        if (count > 0)
            chart_series(&c, t->row[m].method, &style, (const double(*)[2])points, NULL, count, 0,
                         1 + t->layers / 12);
    }
    chart_end(&c);
    fputs("</div>\n", f);
}

void html_randomisation(FILE *f, const struct run *run)
{
    const struct randomised *t = &run->randomised;
    if (t->rows == 0)
        return;
    fputs("<figure class=\"plot\"><figcaption>Randomisation: ", f);
    html_run_title(f, run, t->explained, t->images);
    fputs("</figcaption>\n<div class=\"panels\">\n", f);
    for (int s = 0; s < RANDOMISED_SCHEMES; s++)
        panel(f, t, s);
    fputs("</div>\n<ul class=\"legend\"><li>eMPRT:</li>\n", f);
    for (size_t m = 0; m < t->rows; m++) {
        struct line_style style = line_style_of(t->row[m].method, m);
        html_legend(f, &style, false, t->row[m].method, t->row[m].emprt, 2);
    }
    fputs("</ul></figure>\n", f);
}
