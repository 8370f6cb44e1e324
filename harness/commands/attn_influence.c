/* The mean influence of every patch on the CLS token, layer by layer (the paper's Figure 2). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attn_influence.h"
#include "command.h"
#include "free_all.h"
#include "gnuplot.h"
#include "h5file.h"
#include "h5lock.h"
#include "log.h"
#include "outputs.h"

enum { MODELS = 2 };

/* ---- measuring ------------------------------------------------------------------------------- */

static enum status open_influence(struct influence *s, const struct attn_options *o,
                                  const char *path, struct error *err)
{
    char limit[64];
    TRY(config_new(&s->config, err));
    TRY(config_read(s->config, path, err));
    TRY(cli_apply_settings(&o->settings, s->config, err));
    /* --images is an upper bound; a config's own limit may be lower */
    int64_t own = config_values(s->config)->run.limit;
    snprintf(limit, sizeof limit, "run.limit=%d",
             own > 0 && own < o->images ? (int)own : o->images);
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

static void close_influence(struct influence *s)
{
    inspect_close(s->inspector);
    plan_close(s->plan);
    config_free(s->config);
    FREE_ALL(s->absolute, s->mean, s->layer[0], s->layer[1], s->rgb);
}

/* Adds the CLS row of the layer that was inspected last. */
static enum status add_layer(struct influence *s, int layer, struct error *err)
{
    size_t len = (size_t)s->model->geo.tokens, at = (size_t)layer * len;
    TRY(inspect_influence(s->inspector, s->layer[0], s->layer[1], err));
    for (size_t j = 0; j < len; j++) {
        s->absolute[at + j] += s->layer[0][j];
        s->mean[at + j] += s->layer[1][j];
    }
    return OK;
}

static enum status add_image(struct influence *s, size_t index, struct error *err)
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
    const struct eval_cut cut = config_eval_cut(p->v);
    status = image_preprocess_cut(&sample.image, (enum preprocess)p->v->data.preprocess, &cut,
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

static enum status measure(struct influence *s, struct error *err)
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

static enum status write_model(hid_t file, const struct influence *s, const char *group,
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

static enum status write_file(const struct influence *models, int count, const char *stem,
                              struct error *err)
{
    static const char *const groups[MODELS] = { "model", "beside" };
    char path[4200];
    snprintf(path, sizeof path, "%s.h5", stem);
    h5_lock();
    h5_quiet();
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    enum status status = file >= 0 ? OK : h5_fail(err, "%s: cannot be written", path);
    for (int k = 0; k < count && status == OK; k++)
        status = write_model(file, &models[k], groups[k], err);
    if (file >= 0 && H5Fclose(file) < 0 && status == OK)
        status = h5_fail(err, "%s: cannot be written", path);
    h5_unlock();
    if (status == OK)
        log_info("wrote %s", path);
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static enum status check_out(const struct influence *models, int count, const char *stem,
                             struct error *err)
{
    for (int k = 0; k < count; k++) {
        const struct config_values *v = config_values(models[k].config);
        const char *const paths[] = { config_path(models[k].config), v->model.checkpoint,
                                      v->data.path };
        const struct outputs_inputs inputs = { paths, sizeof paths / sizeof *paths };
        TRY(outputs_check_stem("--out", stem, &inputs, err));
    }
    return OK;
}

static enum status run(struct influence *models, int count, const struct attn_options *o,
                       bool *begun, struct error *err)
{
    char stem[4096];
    for (int k = 0; k < count; k++)
        TRY(open_influence(&models[k], o, k == 0 ? o->model : o->beside, err));
    int length = snprintf(stem, sizeof stem, "%s/%s-influence", o->cli.out,
                          config_values(models[0].config)->run.name);
    if (length >= (int)sizeof stem)
        return fail(err, E_CONFIG, "--out: a path longer than %zu characters", sizeof stem - 1);
    TRY(check_out(models, count, stem, err));
    TRY(make_directory(o->cli.out, err));
    *begun = true;
    for (int k = 0; k < count; k++) {
        attn_print_counts(models[k].model, models[k].plan->engine->info.name);
        TRY(measure(&models[k], err));
    }
    TRY(write_file(models, count, stem, err));
    TRY(influence_draw(models, count, stem, o->cli.vector, err));
    log_info("wrote %s.png%s, .csv", stem, o->cli.vector ? ", .pdf, .svg" : "");
    return OK;
}

int attn_influence(const struct attn_options *o)
{
    struct influence models[MODELS] = { 0 };
    struct error err;
    bool begun = false;
    enum status status = run(models, o->beside != NULL ? 2 : 1, o, &begun, &err);
    for (int k = 0; k < MODELS; k++)
        close_influence(&models[k]);
    if (status == OK)
        return EXIT_DONE;
    log_error("%s", err.text);
    return begun ? EXIT_FAILED : EXIT_USAGE;
}
