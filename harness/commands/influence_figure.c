/* The figure of evalh attn --influence (the paper's Figure 2): all layers as one map, a few layers
 * as strips below one another, and the numbers as CSV. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "attn_influence.h"
#include "colour.h"
#include "csv.h"
#include "gnuplot.h"

enum { STRIPS = 4 };

double influence_share(const struct influence *s, int layer, int token)
{
    const struct geometry *g = &s->model->geo;
    const double *row = s->absolute + (size_t)layer * (size_t)g->tokens;
    double sum = 0;
    for (int j = 0; j < g->tokens; j++)
        sum += j != g->cls_at ? row[j] : 0;
    return sum > 0 ? row[token] / sum * (g->tokens - 1) : 0;
}

/* The layers that are drawn as strips, each once: those at a quarter, half and three quarters of
 * the depth, and the last. */
static int strip_layers(const struct influence *s, int layers[STRIPS])
{
    int depth = s->model->geo.depth, count = 0;
    for (int i = 0; i < STRIPS; i++) {
        int layer = depth * (i + 1) / STRIPS;
        layer = layer < depth ? layer : depth - 1;
        if (count == 0 || layers[count - 1] != layer)
            layers[count++] = layer;
    }
    return count;
}

/* ---- data ------------------------------------------------------------------------------------ */

/* $map_K is [layers, tokens], with 1 for CLS, which is covered. $strips_K has a token and one
 * column per strip. */
static void put_data(FILE *f, const struct influence *s, int k)
{
    const struct geometry *g = &s->model->geo;
    int layers[STRIPS], strips = strip_layers(s, layers);
    fprintf(f, "$map_%d << EOD\n", k);
    for (int layer = 0; layer < g->depth; layer++) {
        for (int j = 0; j < g->tokens; j++)
            fprintf(f, "%.6g ", j == g->cls_at ? 1 : influence_share(s, layer, j));
        fputc('\n', f);
    }
    fprintf(f, "EOD\n$strips_%d << EOD\n", k);
    for (int j = 0; j < g->tokens; j++) {
        if (j == g->cls_at) { /* a gap in the line */
            fputc('\n', f);
            continue;
        }
        fprintf(f, "%d", j);
        for (int i = 0; i < strips; i++)
            fprintf(f, " %.6g", influence_share(s, layers[i], j));
        fputc('\n', f);
    }
    fputs("EOD\n", f);
}

static void put_csv(FILE *f, const struct influence *models, int count)
{
    fputs("model,layer,token,influence,mean_absolute\n", f);
    for (int k = 0; k < count; k++) {
        const struct geometry *g = &models[k].model->geo;
        for (int layer = 0; layer < g->depth; layer++)
            for (int j = 0; j < g->tokens; j++) {
                if (j == g->cls_at)
                    continue;
                csv_field(f, models[k].plan->engine->info.name);
                fprintf(f, ",%d,%d", layer, j);
                csv_number(f, influence_share(&models[k], layer, j));
                csv_number(f, models[k].absolute[layer * g->tokens + j]);
                fputc('\n', f);
            }
    }
}

/* ---- the figure ------------------------------------------------------------------------------ */

/* Distances on the page, cm. */
static const double page_width = 24, head = 1.2, row_height = 8, title_room = 1.1, foot_room = 1.5;

struct place { /* cm from the upper left corner */
    double left, right, top, bottom;
};

static void put_place(FILE *f, const struct place *p, double height)
{
    fprintf(f,
            "set lmargin at screen %.4f\nset rmargin at screen %.4f\nset tmargin at screen %.4f\n"
            "set bmargin at screen %.4f\n",
            p->left / page_width, p->right / page_width, 1 - p->top / height,
            1 - p->bottom / height);
}

static void put_palette(FILE *f)
{
    enum { STOPS = 17 };
    fputs("set palette defined (", f);
    for (int i = 0; i <= STOPS; i++) {
        uint8_t c[3];
        colour_of((double)i / STOPS, c);
        fprintf(f, "%s%d '#%02x%02x%02x'", i > 0 ? ", " : "", i, c[0], c[1], c[2]);
    }
    fputs(")\n", f);
}

static void put_title(FILE *f, const struct influence *s)
{
    char title[300];
    const struct plan *p = s->plan;
    const struct geometry *g = &s->model->geo;
    snprintf(title, sizeof title, "%s (%d layers, width %d) on %s, %s, n = %zu",
             p->engine->info.name, g->depth, g->width, p->data->kind->name,
             preprocess_names[p->v->data.preprocess], s->images);
    fputs("set title ", f);
    gnuplot_text(f, title);
    fputs(" noenhanced\n", f);
}

static void put_map(FILE *f, const struct influence *s, int k, int kind, double top, double height)
{
    const struct geometry *g = &s->model->geo;
    const struct place place = { 1.5, 10, top + title_room, top + row_height - foot_room };
    put_place(f, &place, height);
    put_title(f, s);
    fprintf(f,
            "set xrange [-0.5:%g]\nset yrange [-0.5:%g]\nset xtics autofreq\nset ytics autofreq\n"
            "set format y\nset xlabel 'token (CLS is token %d)'\nset ylabel 'layer'\n"
            "set cblabel 'influence on CLS (1 = uniform)'\nset logscale cb\n"
            "set object rectangle from %g,-0.5 to %g,%g front fc rgb 'white' fs solid noborder\n"
            "unset key\nplot $map_%d matrix with image%s\nunset logscale cb\nunset object\n",
            g->tokens - 0.5, g->depth - 0.5, g->cls_at, g->cls_at - 0.5, g->cls_at + 0.5,
            g->depth - 0.5, k, kind == 2 ? " pixels" : ""); /* viewers would smooth an SVG's */
}

/* The least and the largest value of all strips: they share one axis. */
static void find_range(const struct influence *s, const int *layers, int strips, double range[2])
{
    const struct geometry *g = &s->model->geo;
    range[0] = range[1] = 1;
    for (int i = 0; i < strips; i++)
        for (int j = 0; j < g->tokens; j++) {
            double x = j == g->cls_at ? 1 : influence_share(s, layers[i], j);
            if (x > 0) {
                range[0] = fmin(range[0], x);
                range[1] = fmax(range[1], x);
            }
        }
}

static void put_strips(FILE *f, const struct influence *s, int k, double top, double height)
{
    const struct geometry *g = &s->model->geo;
    int layers[STRIPS], strips = strip_layers(s, layers);
    double range[2], from = top + title_room, to = top + row_height - foot_room;
    double each = (to - from) / strips;
    find_range(s, layers, strips, range);
    fprintf(f,
            "set title 'the same of some layers; shaded from 1 = uniform'\nset logscale y\n"
            "set xrange [-0.5:%g]\nset yrange [%.6g:%.6g]\nset ylabel ' '\nset xlabel\n"
            "set xtics format ''\nset ytics (1)\nset ytics add (0.01, 0.1, 10, 100)\n",
            g->tokens - 0.5, range[0] / 1.2, range[1] * 1.2);
    for (int i = 0; i < strips; i++) {
        const struct place place = { 15, 22, from + i * each, from + (i + 1) * each - 0.15 };
        put_place(f, &place, height);
        if (i == strips - 1)
            fprintf(f, "set xtics format '%%g'\nset xlabel 'token (CLS is token %d)'\n", g->cls_at);
        fprintf(f,
                "set label 1 'layer %d' at graph 1.02,0.5 left\nplot $strips_%d using 1:%d:(1) "
                "with filledcurves fc rgb '#31688e' fs transparent solid 0.3 noborder notitle, 1 "
                "lc rgb '#777777' lw 0.7 notitle, $strips_%d using 1:%d with lines lw 1.5 lc rgb "
                "'#31688e' notitle\nunset title\n",
                layers[i], k, i + 2, k, i + 2);
    }
    fputs("unset label 1\nunset logscale y\nset xtics format '%g'\n", f);
}

static void put_figure(FILE *f, const struct influence *models, int count, const char *stem,
                       bool vector)
{
    double height = head + row_height * count;
    fputs("# Made by evalh attn --influence; draw again with: gnuplot THIS_FILE\n"
          "set encoding utf8\nset datafile missing NaN\n",
          f);
    for (int k = 0; k < count; k++)
        put_data(f, &models[k], k);
    put_palette(f);
    fputs("set tics nomirror out\nset border 3\n", f);
    for (int kind = 0; kind < (vector ? PICTURES : 1); kind++) {
        gnuplot_terminal(f, kind, stem, page_width, height);
        fputs("set multiplot title 'Mean influence of every patch on the CLS token, by layer: "
              "|alpha| (Vim, mean of channels) or attention (ViT, mean of heads)'\n",
              f);
        for (int k = 0; k < count; k++) {
            double top = head + row_height * k;
            put_map(f, &models[k], k, kind, top, height);
            put_strips(f, &models[k], k, top, height);
        }
        fputs("unset multiplot\nset output\n", f);
    }
}

/* ---- files ----------------------------------------------------------------------------------- */

static enum status open_file(const char *stem, const char *ending, char path[4200], FILE **f,
                             struct error *err)
{
    snprintf(path, 4200, "%s%s", stem, ending);
    *f = fopen(path, "w");
    return *f != NULL ? OK : fail(err, E_IO, "%s: cannot be written: %s", path, strerror(errno));
}

static enum status close_file(FILE *f, const char *path, struct error *err)
{
    bool bad = ferror(f) != 0;
    if (fclose(f) != 0 || bad)
        return fail(err, E_IO, "%s: cannot be written: %s", path, strerror(errno));
    return OK;
}

enum status influence_draw(const struct influence *models, int count, const char *stem, bool vector,
                           struct error *err)
{
    char path[4200];
    FILE *f;
    TRY(open_file(stem, ".csv", path, &f, err));
    put_csv(f, models, count);
    TRY(close_file(f, path, err));
    TRY(open_file(stem, ".gnuplot", path, &f, err));
    put_figure(f, models, count, stem, vector);
    TRY(close_file(f, path, err));
    return gnuplot_run(path, err);
}
