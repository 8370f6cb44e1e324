/* Attention matrices of one image: writes all of them to HDF5 and draws the first ones. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attn_figure.h"
#include "command.h"
#include "free_all.h"
#include "gnuplot.h"
#include "h5file.h"
#include "h5lock.h"
#include "log.h"
#include "outputs.h"

enum { MOST_DRAWN = 8 }; /* channels of one model */

/* ---- lists on the command line --------------------------------------------------------------- */

/* "6" or "25%": of 24 layers that is 6. */
static enum status read_layer(const char *word, int depth, int *out, struct error *err)
{
    char *end;
    double x = strtod(word, &end);
    bool percent = *end == '%';
    if (end != word && end[percent] == '\0' && x >= 0 &&
        (percent ? x <= 100 : x < depth && x == floor(x))) {
        *out = percent ? (int)(x / 100 * depth) : (int)x;
        *out = *out < depth ? *out : depth - 1;
        return OK;
    }
    return fail(err, E_CONFIG,
                "--layers: '%s': a layer from 0 to %d, or a depth like 50%%, is "
                "expected",
                word, depth - 1);
}

static enum status read_layers(struct attn_model *s, const char *list, struct error *err)
{
    char *words = strdup(list != NULL ? list : "25%,50%,75%"), *rest = words;
    enum status status = words != NULL ? OK : fail(err, E_NOMEM, "out of memory");
    for (char *w; status == OK && (w = strtok_r(rest, ", ", &rest)) != NULL;) {
        if (s->layer_count == ATTN_LAYERS)
            status = fail(err, E_CONFIG, "--layers: more than %d", ATTN_LAYERS);
        else
            status = read_layer(w, s->model->geo.depth, &s->layers[s->layer_count++], err);
    }
    free(words);
    for (int i = 0; i < s->layer_count && status == OK; i++)
        for (int j = 0; j < i && status == OK; j++)
            if (s->layers[j] == s->layers[i])
                status = fail(err, E_CONFIG, "--layers: layer %d of %s is there twice",
                              s->layers[i], s->title);
    if (status == OK && s->layer_count == 0)
        status = fail(err, E_CONFIG, "--layers: none is named");
    return status;
}

static enum status read_channel(struct attn_model *s, const char *word, struct error *err)
{
    int most = inspect_count(s->model);
    char *end;
    long n = strtol(word, &end, 10);
    if (strcmp(word, "mean") == 0)
        s->channels[s->channel_count++] = ATTN_MEAN;
    else if (strcmp(word, "all") == 0)
        for (int i = 0; i < most; i++)
            s->channels[s->channel_count++] = i;
    else if (*word != '\0' && *end == '\0' && n >= 0 && n < most)
        s->channels[s->channel_count++] = (int)n;
    else
        return fail(err, E_CONFIG,
                    "--channels: '%s': a %s from 0 to %d, 'mean' or 'all' is expected "
                    "for %s",
                    word, inspect_kind(s->model)->unit, most - 1, s->title);
    return OK;
}

static enum status read_channels(struct attn_model *s, const char *list, bool two,
                                 struct error *err)
{
    int most = inspect_count(s->model);
    const char *standard = two ? "mean" : most > 1 ? "0,1,mean" : "0";
    char *words = strdup(list != NULL ? list : standard), *rest = words;
    /* every word may be "all" */
    size_t word_count = strlen(list != NULL ? list : standard) / 2 + 1;
    s->channels = calloc(word_count * (size_t)most + 1, sizeof *s->channels);
    enum status status =
        words != NULL && s->channels != NULL ? OK : fail(err, E_NOMEM, "out of memory");
    for (char *w; status == OK && (w = strtok_r(rest, ", ", &rest)) != NULL;)
        status = read_channel(s, w, err);
    free(words);
    if (status == OK && s->channel_count == 0)
        status = fail(err, E_CONFIG, "--channels: none is named");
    s->drawn = s->channel_count < MOST_DRAWN ? s->channel_count : MOST_DRAWN;
    if (s->drawn < s->channel_count)
        log_info("%s: the first %d of %d channels are drawn, all are written", s->title, s->drawn,
                 s->channel_count);
    return status;
}

/* ---- models -----------------------------------------------------------------------------------
 */

static enum status open_model(struct attn_model *s, const struct attn_options *o,
                              const char *checkpoint, const struct image *image, struct error *err)
{
    TRY(inference_cli_open(&o->cli, checkpoint, o->beside != NULL, &s->inference, err));
    const struct engine *e = s->inference.engine;
    const struct model *m = engine_model(e);
    snprintf(s->title, sizeof s->title, "%s", e->info.title);
    s->model = m;
    TRY(engine_inspect(e, &s->inspector, err));
    TRY(read_layers(s, o->layers, err));
    TRY(read_channels(s, o->channels, o->beside != NULL, err));
    s->matrix = malloc((size_t)m->geo.tokens * (size_t)m->geo.tokens * sizeof *s->matrix);
    if (s->matrix == NULL)
        return fail(err, E_NOMEM, "no memory for a matrix of %d tokens", m->geo.tokens);
    attn_print_counts(m, s->title);
    return inference_run(&s->inference, image, err);
}

static void close_model(struct attn_model *s)
{
    inspect_close(s->inspector);
    inference_close(&s->inference);
    FREE_ALL(s->channels, s->matrix);
}

/* ---- the file -------------------------------------------------------------------------------- */

static enum status describe(const struct attn_figure *f, const struct attn_model *s,
                            const char *name, const struct attn_options *o, struct error *err)
{
    const struct geometry *g = &s->model->geo;
    const struct attention_kind *kind = inspect_kind(s->model);
    hid_t group = H5Gopen2(f->file, name, H5P_DEFAULT);
    const struct {
        const char *name, *value;
    } texts[] = { { "arch", s->inference.engine->info.name },
                  { "checkpoint", s->model->checkpoint->path },
                  { "checkpoint_sha256", s->model->checkpoint->sha256 },
                  { "image", o->image },
                  { "preprocess", preprocess_names[o->cli.preprocess] },
                  { "what", kind->what } };
    const struct {
        const char *name;
        int value;
    } numbers[] = { { "tokens", g->tokens },
                    { "cls_at", g->cls_at },
                    { "layers", g->depth },
                    { "directions", kind->directions },
                    { "matrices_per_direction", inspect_count(s->model) },
                    { "inner_matrices", inspect_inner_count(s->model) } };
    enum status status = OK;
    for (size_t i = 0; i < sizeof texts / sizeof *texts && status == OK; i++)
        status = h5_put_text(group, texts[i].name, texts[i].value, err);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers && status == OK; i++)
        status = h5_put_int(group, numbers[i].name, numbers[i].value, err);
    H5Gclose(group);
    return status;
}

static enum status write_column(const struct attn_figure *f, const char *group, const char *name,
                                const int *values, int count, struct error *err)
{
    char path[64];
    snprintf(path, sizeof path, "%s/%s", group, name);
    const struct column c = { .path = path, .type = COLUMN_I32, .row_bytes = 4, .same_as = -1 };
    hid_t d = h5_create_column(f->file, &c, (size_t)count, err);
    if (d < 0)
        return E_IO;
    enum status status = h5_write_rows(d, &c, 0, (size_t)count, values, err);
    H5Dclose(d);
    return status;
}

/* One layer: computes and writes every chosen matrix, and draws it if it is among the first. */
static enum status run_layer(struct attn_figure *f, struct attn_model *s, const char *group, int at,
                             int row, struct error *err)
{
    int len = s->model->geo.tokens;
    char path[64];
    snprintf(path, sizeof path, "%s/layer_%02d/matrix", group, s->layers[at]);
    const struct column c = { .path = path,
                              .type = COLUMN_F32,
                              .ndim = 2,
                              .dim = { len, len },
                              .row_bytes = (size_t)len * (size_t)len * 4,
                              .same_as = -1 };
    hid_t d = h5_create_column(f->file, &c, (size_t)s->channel_count, err);
    if (d < 0)
        return E_IO;
    enum status status = inspect_layer(s->inspector, s->inference.picture.rgb, s->layers[at], err);
    for (int i = 0; i < s->channel_count && status == OK; i++) {
        status = inspect_matrix(s->inspector, s->channels[i], s->matrix, err);
        if (status == OK)
            status = h5_write_rows(d, &c, (size_t)i, 1, s->matrix, err);
        if (status == OK && i < s->drawn)
            status = attn_figure_draw(f, s, row + i, at, err);
    }
    H5Dclose(d);
    return status;
}

static enum status run_model(struct attn_figure *f, int k, int row, const struct attn_options *o,
                             struct error *err)
{
    struct attn_model *s = &f->models[k];
    const char *group = k == 0 ? "model" : "beside";
    for (int i = 0; i < s->layer_count; i++)
        TRY(run_layer(f, s, group, i, row, err));
    for (int i = 0; i < s->drawn; i++) {
        const char *kind = inspect_kind(s->model)->unit;
        char which[40];
        if (s->channels[i] == ATTN_MEAN)
            snprintf(which, sizeof which, "mean of %ss", kind);
        else
            snprintf(which, sizeof which, "%s %d", kind, s->channels[i]);
        snprintf(f->panel.row_titles[row + i], sizeof *f->panel.row_titles, "%.80s%s%s",
                 f->model_count > 1 ? s->model->arch : "", f->model_count > 1 ? ", " : "", which);
    }
    TRY(write_column(f, group, "layers", s->layers, s->layer_count, err));
    TRY(write_column(f, group, "channels", s->channels, s->channel_count, err));
    return describe(f, s, group, o, err);
}

/* The file has a temporary name until it is complete. */
static enum status write_file(struct attn_figure *f, const struct attn_options *o,
                              struct error *err)
{
    char *path, *partial = NULL;
    if (asprintf(&path, "%s.h5", f->stem) < 0)
        return fail(err, E_NOMEM, "out of memory");
    enum status status =
        asprintf(&partial, "%s.h5.tmp", f->stem) >= 0 ? OK : fail(err, E_NOMEM, "out of memory");
    h5_lock();
    h5_quiet();
    if (status == OK) {
        f->file = H5Fcreate(partial, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
        status = f->file >= 0 ? OK : h5_fail(err, "%s: cannot be written", partial);
    }
    if (status == OK) {
        for (int k = 0, row = 0; k < f->model_count && status == OK; k++) {
            status = run_model(f, k, row, o, err);
            row += f->models[k].drawn;
        }
        if (H5Fclose(f->file) < 0 && status == OK)
            status = h5_fail(err, "%s: cannot be written", partial);
        if (status == OK)
            status = rename_synced(partial, path, err);
        if (status != OK)
            unlink(partial);
    }
    h5_unlock();
    if (status == OK)
        log_info("wrote %s", path);
    FREE_ALL(path, partial);
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static enum status open_all(struct attn_figure *f, const struct attn_options *o, struct error *err)
{
    struct image image;
    const char *slash = strrchr(o->image, '/'), *name = slash != NULL ? slash + 1 : o->image;
    const char *dot = strrchr(name, '.');
    int length = (int)(dot != NULL && dot != name ? (size_t)(dot - name) : strlen(name));
    f->model_count = o->beside != NULL ? 2 : 1;
    if (asprintf(&f->stem, "%s/%.*s-attention", o->cli.out, length, name) < 0) {
        f->stem = NULL;
        return fail(err, E_NOMEM, "out of memory");
    }
    const char *const paths[] = { o->image, o->model, o->beside };
    const struct outputs_inputs inputs = { paths, sizeof paths / sizeof *paths };
    TRY(outputs_check_stem("--out", f->stem, &inputs, err));
    TRY(image_read(o->image, &image, err));
    enum status status = open_model(&f->models[0], o, o->model, &image, err);
    if (status == OK && o->beside != NULL)
        status = open_model(&f->models[1], o, o->beside, &image, err);
    image_free(&image);
    TRY(status);
    TRY(attn_figure_open(f, o, err));
    return make_directory(o->cli.out, err);
}

int attn_matrices(const struct attn_options *o)
{
    struct attn_figure f = { 0 };
    struct error err;
    int code = EXIT_USAGE;
    enum status status = open_all(&f, o, &err);
    if (status == OK) {
        code = EXIT_FAILED;
        status = write_file(&f, o, &err);
    }
    if (status == OK)
        status = panel_draw(&f.panel, f.stem, o->cli.vector, &err);
    if (status == OK)
        log_info("wrote %s.png%s", f.stem, o->cli.vector ? ", .pdf, .svg" : "");
    for (int k = 0; k < ATTN_MODELS; k++)
        close_model(&f.models[k]);
    panel_close(&f.panel);
    free(f.stem);
    if (status == OK)
        return EXIT_DONE;
    log_error("%s", err.text);
    return code;
}
