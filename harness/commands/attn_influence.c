/* The mean influence of every patch on the CLS token, layer by layer (the paper's Figure 2). */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attn.h"
#include "colour.h"
#include "command.h"
#include "gnuplot.h"
#include "h5file.h"
#include "h5lock.h"
#include "log.h"
#include "plan.h"
#include "panel.h"

enum { SIDES = 2, CURVES = 4 };

struct side { /* one model over its data set */
    struct config *config;
    struct plan *plan;
    const struct model *model; /* the plan's */
    struct inspector *inspector;
    size_t images, broken;
    double *absolute, *mean; /* [Λ, L]: sums over images of mean_d |a| and mean_d a of row c */
    double *layer[2];        /* [L] each: |a| and a of one image and layer */
    uint8_t *rgb;            /* [S, S, 3] */
};

/* ---- measuring ------------------------------------------------------------------------------- */

static enum status open_side(struct side *s, const struct attn_options *o, const char *path,
                             struct error *err)
{
    char limit[64];
    TRY(config_new(&s->config, err));
    TRY(config_read(s->config, path, err));
    for (size_t i = 0; i < o->setting_count; i++)
        TRY(config_set(s->config, o->settings[i], err));
    /* --images is the most; a config's own limit may be less */
    int64_t own = config_values(s->config)->run.limit;
    snprintf(limit, sizeof limit, "run.limit=%ld",
             own > 0 && own < o->images ? (long)own : o->images);
    TRY(config_set(s->config, limit, err));
    TRY(config_finish(s->config, err));
    TRY(plan_open(s->config, &s->plan, err));
    const struct plan *p = s->plan;
    TRY(engine_inspect(p->engine, &s->inspector, err));
    s->model = engine_model(p->engine);
    const struct geometry *g = &s->model->geo;
    size_t len = (size_t)g->tokens, cells = (size_t)g->depth * len, side = (size_t)g->image_size;
    s->absolute = calloc(cells, sizeof *s->absolute);
    s->mean = calloc(cells, sizeof *s->mean);
    s->layer[0] = calloc(len, sizeof *s->layer[0]);
    s->layer[1] = calloc(len, sizeof *s->layer[1]);
    s->rgb = malloc(side * side * 3);
    if (!s->absolute || !s->mean || !s->layer[0] || !s->layer[1] || !s->rgb)
        return fail(err, E_NOMEM, "no memory for the influence of %d tokens", g->tokens);
    return OK;
}

static void close_side(struct side *s)
{
    inspect_close(s->inspector);
    plan_close(s->plan);
    config_free(s->config);
    free(s->absolute);
    free(s->mean);
    free(s->layer[0]);
    free(s->layer[1]);
    free(s->rgb);
}

/* Adds row c of the layer last inspected. */
static enum status add_layer(struct side *s, int layer, struct error *err)
{
    size_t len = (size_t)s->model->geo.tokens, at = (size_t)layer * len;
    TRY(inspect_influence(s->inspector, s->layer[0], s->layer[1], err));
    for (size_t j = 0; j < len; j++) {
        s->absolute[at + j] += s->layer[0][j];
        s->mean[at + j] += s->layer[1][j];
    }
    return OK;
}

static enum status add_image(struct side *s, size_t index, struct error *err)
{
    const struct plan *p = s->plan;
    struct sample sample;
    enum status status = dataset_load(p->data, index, &sample, err);
    if (status == E_DATA || status == E_IO) {
        log_warn("image %s is left out: %s", p->data->ids[index], err->text);
        s->broken++;
        return OK;
    }
    TRY(status);
    status = image_preprocess(&sample.image, (enum preprocess)p->v->data.preprocess,
                              p->engine->info.image_size, s->rgb, err);
    sample_free(&sample);
    for (int layer = 0; layer < s->model->geo.depth && status == OK; layer++) {
        status = inspect_layer(s->inspector, s->rgb, layer, err);
        if (status == OK)
            status = add_layer(s, layer, err);
    }
    s->images += status == OK;
    return status;
}

static enum status measure(struct side *s, struct error *err)
{
    for (size_t i = 0; i < s->plan->images; i++)
        TRY(add_image(s, i, err));
    if (s->images == 0)
        return fail(err, E_DATA, "%s: none of %zu images can be read", config_path(s->config),
                    s->plan->images);
    size_t cells = (size_t)s->model->geo.depth * (size_t)s->model->geo.tokens;
    for (size_t i = 0; i < cells; i++) {
        s->absolute[i] /= (double)s->images;
        s->mean[i] /= (double)s->images;
    }
    return OK;
}

/* ---- the file -------------------------------------------------------------------------------- */

static enum status write_matrix(hid_t file, const char *path, const double *values, int rows,
                                int columns, struct error *err)
{
    char name[64];
    size_t count = (size_t)rows * (size_t)columns;
    snprintf(name, sizeof name, "%s", path);
    const struct column c = { .path = name,
                              .type = COLUMN_F32,
                              .ndim = 1,
                              .dim = { columns, 0 },
                              .row_bytes = (size_t)columns * 4,
                              .same_as = -1 };
    float *floats = malloc(count * sizeof *floats);
    hid_t d = floats != NULL ? h5_create_column(file, &c, (size_t)rows, err) : -1;
    enum status status = floats == NULL ? fail(err, E_NOMEM, "out of memory") : d < 0 ? E_IO : OK;
    for (size_t i = 0; i < count && status == OK; i++)
        floats[i] = (float)values[i];
    if (status == OK)
        status = h5_write_rows(d, &c, 0, (size_t)rows, floats, err);
    if (d >= 0)
        H5Dclose(d);
    free(floats);
    return status;
}

static enum status write_side(hid_t file, const struct side *s, const char *group,
                              struct error *err)
{
    const struct geometry *g = &s->model->geo;
    const struct checkpoint *ck = s->model->checkpoint;
    char path[64];
    snprintf(path, sizeof path, "%s/absolute", group);
    TRY(write_matrix(file, path, s->absolute, g->depth, g->tokens, err));
    snprintf(path, sizeof path, "%s/mean", group);
    TRY(write_matrix(file, path, s->mean, g->depth, g->tokens, err));
    hid_t at = H5Gopen2(file, group, H5P_DEFAULT);
    enum status status = h5_put_text(at, "arch", s->plan->engine->info.name, err);
    if (status == OK)
        status = h5_put_text(at, "checkpoint_sha256", ck->sha256, err);
    if (status == OK)
        status = h5_put_text(at, "dataset_fingerprint", s->plan->data->fingerprint, err);
    if (status == OK)
        status = h5_put_int(at, "images", (int64_t)s->images, err);
    if (status == OK)
        status = h5_put_int(at, "cls_at", g->cls_at, err);
    H5Gclose(at);
    return status;
}

static enum status write_file(const struct side *models, int count, const char *stem,
                              struct error *err)
{
    static const char *const groups[SIDES] = { "model", "beside" };
    char path[4200];
    snprintf(path, sizeof path, "%s.h5", stem);
    h5_lock();
    h5_quiet();
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    enum status status = file >= 0 ? OK : h5_fail(err, "%s: cannot be written", path);
    for (int k = 0; k < count && status == OK; k++)
        status = write_side(file, &models[k], groups[k], err);
    if (file >= 0 && H5Fclose(file) < 0 && status == OK)
        status = h5_fail(err, "%s: cannot be written", path);
    h5_unlock();
    if (status == OK)
        log_info("wrote %s", path);
    return status;
}

/* ---- the figure ------------------------------------------------------------------------------ */

/* A patch's influence in multiples of what it would be if all had the same. */
static double share(const struct side *s, int layer, int token)
{
    const struct geometry *g = &s->model->geo;
    const double *row = s->absolute + (size_t)layer * (size_t)g->tokens;
    double sum = 0;
    for (int j = 0; j < g->tokens; j++)
        sum += j != g->cls_at ? row[j] : 0;
    return sum > 0 ? row[token] / sum * (g->tokens - 1) : 0;
}

/* Layers of the curves: a quarter, a half, three quarters, the last. */
static int curve_layer(const struct side *s, int i)
{
    int depth = s->model->geo.depth, layer = depth * (i + 1) / CURVES;
    return layer < depth ? layer : depth - 1;
}

/* $map_K: [layers, tokens], CLS, which is covered, at 1. $curves_K: token, a column for each curve.
 */
static void put_data(FILE *f, const struct side *s, int k)
{
    const struct geometry *g = &s->model->geo;
    fprintf(f, "$map_%d << EOD\n", k);
    for (int layer = 0; layer < g->depth; layer++) {
        for (int j = 0; j < g->tokens; j++)
            fprintf(f, "%.6g ", j == g->cls_at ? 1 : share(s, layer, j));
        fputc('\n', f);
    }
    fprintf(f, "EOD\n$curves_%d << EOD\n", k);
    for (int j = 0; j < g->tokens; j++) {
        if (j == g->cls_at) { /* a gap in the line */
            fputc('\n', f);
            continue;
        }
        fprintf(f, "%d", j);
        for (int i = 0; i < CURVES; i++)
            fprintf(f, " %.6g", share(s, curve_layer(s, i), j));
        fputc('\n', f);
    }
    fputs("EOD\n", f);
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

static void put_title(FILE *f, const struct side *s)
{
    char title[300];
    const struct plan *p = s->plan;
    const struct geometry *g = &s->model->geo;
    snprintf(title, sizeof title, "%s (%d layers, width %d) on %s, %s, n = %zu",
             p->engine->info.name, g->depth, g->width, p->data->kind->name,
             preprocess_names[p->v->data.preprocess], s->images);
    fputs("set title ", f);
    gnuplot_quote(f, title);
    fputs(" noenhanced\n", f);
}

static void put_side(FILE *f, const struct side *s, int k, int kind)
{
    /* viridis' own lightness tells the curves apart in black and white too */
    static const char *const looks[CURVES] = { "lc rgb '#440154' dt 1",
                                               "lc rgb '#31688e' dt (10,3)",
                                               "lc rgb '#35b779' dt (6,2)",
                                               "lc rgb '#c7a500' dt (3,1)" };
    const struct geometry *g = &s->model->geo;
    put_title(f, s);
    fprintf(f,
            "set xrange [-0.5:%g]\nset yrange [-0.5:%g]\nset xtics autofreq\nset ytics autofreq\n"
            "set xlabel 'token (CLS is token %d)'\nset ylabel 'layer'\n"
            "set cblabel 'influence on CLS (1 = uniform)'\nset logscale cb\n"
            "set object rectangle from %g,-0.5 to %g,%g front fc rgb 'white' fs solid noborder\n"
            "unset key\nplot $map_%d matrix with image%s\nunset logscale cb\nunset object\n",
            g->tokens - 0.5, g->depth - 0.5, g->cls_at, g->cls_at - 0.5, g->cls_at + 0.5,
            g->depth - 0.5, k, kind == 2 ? " pixels" : ""); /* viewers would smooth an SVG's */
    fprintf(f,
            "set title 'the same, layer by layer'\nset yrange [*:*]\nset logscale y\n"
            "set ylabel 'influence on CLS (1 = uniform)'\nset key outside right center samplen 1.6 "
            "title 'layer'\nplot 1 lc rgb '#999999' lw 0.7 notitle");
    for (int i = 0; i < CURVES; i++)
        if (i == 0 || curve_layer(s, i) != curve_layer(s, i - 1))
            fprintf(f, ", \\\n     $curves_%d using 1:%d with lines lw 1.7 %s title '%d'", k, i + 2,
                    looks[i], curve_layer(s, i));
    fputs("\nunset logscale y\n", f);
}

static void put_figure(FILE *f, const struct side *models, int count, const char *stem, bool vector)
{
    fputs(
        "# Made by evalh attn --influence; draw again with: gnuplot THIS_FILE\nset encoding utf8\n"
        "set datafile missing NaN\n",
        f);
    for (int k = 0; k < count; k++)
        put_data(f, &models[k], k);
    put_palette(f);
    fputs("set tics nomirror out\nset border 3\n", f);
    for (int kind = 0; kind < (vector ? PICTURES : 1); kind++) {
        gnuplot_terminal(f, kind, stem, 24, 1.4 + 7.2 * count);
        fprintf(f,
                "set multiplot layout %d,2 title 'Mean influence of every patch on the CLS token, "
                "by layer: |alpha| (Vim, mean of channels) or attention (ViT, mean of heads); "
                "alike in both protocols'\n",
                count);
        for (int k = 0; k < count; k++)
            put_side(f, &models[k], k, kind);
        fputs("unset multiplot\nset output\n", f);
    }
}

static enum status draw(const struct side *models, int count, const char *stem, bool vector,
                        struct error *err)
{
    char path[4200];
    snprintf(path, sizeof path, "%s.gnuplot", stem);
    FILE *f = fopen(path, "w");
    if (f == NULL)
        return fail(err, E_IO, "%s: cannot be written: %s", path, strerror(errno));
    put_figure(f, models, count, stem, vector);
    bool bad = ferror(f) != 0;
    if (fclose(f) != 0 || bad)
        return fail(err, E_IO, "%s: cannot be written: %s", path, strerror(errno));
    return gnuplot_run(path, err);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static enum status run(struct side *models, int count, const struct attn_options *o, bool *begun,
                       struct error *err)
{
    char stem[4096];
    for (int k = 0; k < count; k++)
        TRY(open_side(&models[k], o, k == 0 ? o->model : o->beside, err));
    TRY(make_directory(o->cli.out, err));
    *begun = true;
    for (int k = 0; k < count; k++) {
        attn_print_counts(models[k].model, models[k].plan->engine->info.name);
        TRY(measure(&models[k], err));
    }
    int length = snprintf(stem, sizeof stem, "%s/%s-influence", o->cli.out,
                          config_values(models[0].config)->run.name);
    if (length >= (int)sizeof stem)
        return fail(err, E_CONFIG, "--out: a path longer than %zu characters", sizeof stem - 1);
    TRY(write_file(models, count, stem, err));
    TRY(draw(models, count, stem, o->cli.vector, err));
    log_info("wrote %s.png%s", stem, o->cli.vector ? ", .pdf, .svg" : "");
    return OK;
}

int attn_influence(const struct attn_options *o)
{
    struct side models[SIDES] = { 0 };
    struct error err;
    bool begun = false;
    enum status status = run(models, o->beside != NULL ? 2 : 1, o, &begun, &err);
    for (int k = 0; k < SIDES; k++)
        close_side(&models[k]);
    if (status == OK)
        return EXIT_DONE;
    log_error("%s", err.text);
    return begun ? EXIT_FAILED : EXIT_USAGE;
}
