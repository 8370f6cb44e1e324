/* Shared by the architectures: shapes, the stem, uploading weights. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rotate.h"

enum status need_tensor(const struct checkpoint *ck, const char *name, int ndim,
                        const struct tensor **out, struct error *err)
{
    const struct tensor *t = checkpoint_find(ck, name);
    if (t == NULL)
        return fail(err, E_DATA, "%s: tensor '%s' is missing", ck->path, name);
    if (t->ndim != ndim)
        return fail(err, E_DATA, "%s: tensor '%s' has %d dimensions, should have %d", ck->path,
                    name, t->ndim, ndim);
    for (int i = 0; i < ndim; i++)
        if (t->shape[i] < 1 || t->shape[i] > 1 << 20)
            return fail(err, E_DATA, "%s: tensor '%s' has a dimension of %lld, should be 1 to %d",
                        ck->path, name, (long long)t->shape[i], 1 << 20);
    *out = t;
    return OK;
}

static bool stride_for(const struct geometry *g, int side, int *stride)
{
    if (side < g->patch)
        return false;
    if (g->grid == 1) {
        *stride = g->patch;
        return side == g->patch;
    }
    *stride = (side - g->patch) / (g->grid - 1);
    return (side - g->patch) % (g->grid - 1) == 0 && *stride >= 1 && *stride <= g->patch;
}

enum status place_patches(struct geometry *g, int64_t positions, int size,
                          const struct model_options *o, struct error *err)
{
    const int others = g->others;
    int64_t patches = positions - others;
    g->grid = 1;
    while ((int64_t)(g->grid + 1) * (g->grid + 1) <= patches)
        g->grid++;
    if ((int64_t)g->grid * g->grid != patches)
        return fail(
            err, E_DATA,
            "tensor 'pos_embed' has %lld tokens; without the %d that %s no patch that is %lld "
            "patches, which is no square",
            (long long)positions, others, others == 1 ? "is" : "are", (long long)patches);
    g->tokens = (int)positions;
    if (o->image_size != 0) {
        g->image_size = o->image_size;
        if (!stride_for(g, g->image_size, &g->stride))
            return fail_key(err, E_CONFIG, "model.image_size",
                            "%d does not fit %d x %d patches of %d "
                            "pixels; without overlap it would be %d",
                            g->image_size, g->grid, g->grid, g->patch, g->grid * g->patch);
        return OK;
    }
    g->image_size = size;
    if (size == 0 || !stride_for(g, size, &g->stride)) {
        g->image_size = g->grid * g->patch;
        g->stride = g->patch;
    }
    return OK;
}

/* ---- uploading ---- */

static const struct tensor *find(const struct model *m, const char *format, va_list args)
{
    char name[80];
    vsnprintf(name, sizeof name, format, args);
    return checkpoint_find(m->checkpoint, name);
}

real *bind_array(const struct model *m, struct backend *be, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const struct tensor *t = find(m, format, args);
    va_end(args);
    return be_upload_floats(be, t->data, t->count);
}

real *bind_transposed(const struct model *m, struct backend *be, float (*f)(float),
                      const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const struct tensor *t = find(m, format, args);
    va_end(args);
    size_t rows = (size_t)t->shape[0], cols = t->count / rows;
    float *flipped = malloc(t->count * sizeof *flipped);
    if (flipped == NULL)
        return NULL;
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < cols; j++)
            flipped[j * rows + i] = f == NULL ? t->data[i * cols + j] : f(t->data[i * cols + j]);
    real *p = be_upload_floats(be, flipped, t->count);
    free(flipped);
    return p;
}

struct weight *bind_weight(const struct model *m, struct backend *be, unsigned uses,
                           const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const struct tensor *t = find(m, format, args);
    va_end(args);
    int out = (int)t->shape[0];
    return be->op.weight_new(be, t->data, out, (int)(t->count / (size_t)out),
                             uses & ~(unsigned)BIND_USES);
}

struct weight *bind_weight_rows(const struct model *m, struct backend *be, int first, int count,
                                const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const struct tensor *t = find(m, format, args);
    va_end(args);
    size_t in = t->count / (size_t)t->shape[0];
    return be->op.weight_new(be, t->data + (size_t)first * in, count, (int)in, WEIGHT_FORWARD);
}

/* W with `f` (or NULL) applied to each element, times `scale`. */
static struct weight *changed(const struct tensor *t, struct backend *be, float (*f)(float),
                              float scale, unsigned uses)
{
    int out = (int)t->shape[0];
    float *values = malloc(t->count * sizeof *values);
    if (values == NULL)
        return NULL;
    for (size_t i = 0; i < t->count; i++)
        values[i] = scale * (f != NULL ? f(t->data[i]) : t->data[i]);
    struct weight *w = be->op.weight_new(be, values, out, (int)(t->count / (size_t)out),
                                         uses & ~(unsigned)BIND_USES);
    free(values);
    return w;
}

struct weight *bind_weight_of(const struct model *m, struct backend *be, float (*f)(float),
                              const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const struct tensor *t = find(m, format, args);
    va_end(args);
    return changed(t, be, f, 1, WEIGHT_FORWARD | WEIGHT_BACK);
}

struct weight *bind_scaled_weight(const struct model *m, struct backend *be, unsigned uses,
                                  float scale, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const struct tensor *t = find(m, format, args);
    va_end(args);
    return changed(t, be, NULL, scale, uses);
}

/* ---- running ---- */

void run_linear(struct backend *be, const struct weight *w, const real *bias, int rows,
                const real *x, size_t ldx, real *y, size_t ldy)
{
    const struct linear_args a = {
        .rows = rows, .w = w, .x = x, .ldx = ldx, .bias = bias, .y = y, .ldy = ldy
    };
    be->op.linear(be, &a);
}

void run_map2(struct backend *be, enum map2 f, const real *a, const real *b, real *out,
              size_t count, double scale)
{
    const struct map2_args args = {
        .f = f, .count = count, .a = a, .b = b, .scale = scale, .out = out
    };
    be->op.map2(be, &args);
}

void run_copy(struct backend *be, const real *from, real *to, size_t count)
{
    run_map2(be, MAP_COPY, from, NULL, to, count, 1.0);
}

/* ---- stem ---- */

static real *bind_others(const struct model *m, struct backend *be, const char *const *names)
{
    size_t width = (size_t)m->geo.width, room = (size_t)m->geo.others * width, used = 0;
    float *all = calloc(room + 1, sizeof *all);
    for (; all != NULL && *names != NULL; names++) {
        const struct tensor *t = checkpoint_find(m->checkpoint, *names);
        size_t count = t != NULL ? t->count : 0;
        count = count < room - used ? count : room - used; /* shapes were checked: all of it */
        if (count > 0)
            memcpy(all + used, t->data, count * sizeof *all);
        used += count;
    }
    real *bound = all != NULL ? be_upload_floats(be, all, room + 1) : NULL;
    free(all);
    return bound;
}

bool stem_bind(struct stem *s, const struct model *m, struct backend *be, const char *const *others)
{
    s->proj = bind_weight(m, be, WEIGHT_FORWARD, "patch_embed.proj.weight");
    s->proj_b = bind_array(m, be, "patch_embed.proj.bias");
    s->other = bind_others(m, be, others);
    s->pos = bind_array(m, be, "pos_embed");
    if (m->geo.norm_pre) {
        s->norm_w = bind_array(m, be, "norm_pre.weight");
        s->norm_b = bind_array(m, be, "norm_pre.bias");
        if (s->norm_w == NULL || s->norm_b == NULL)
            return false;
    }
    if (m->geo.rope && (s->rotation = rotation_bind(m, be)) == NULL)
        return false;
    return s->proj != NULL && s->proj_b != NULL && s->other != NULL && s->pos != NULL;
}

void stem_unbind(struct stem *s, struct backend *be)
{
    be->op.weight_free(be, s->proj);
    be->free(be, s->proj_b);
    be->free(be, s->other);
    be->free(be, s->pos);
    be->free(be, s->norm_w);
    be->free(be, s->norm_b);
    rotation_unbind(s->rotation, be);
    *s = (struct stem){ 0 };
}

static size_t patch_values(const struct geometry *g)
{
    return 3 * (size_t)g->patch * (size_t)g->patch;
}

static size_t patch_count(const struct geometry *g)
{
    return (size_t)g->grid * (size_t)g->grid;
}

void stem_layout(const struct geometry *g, const struct backend *be, int n, struct bump *b,
                 struct stem_ws *ws)
{
    size_t patches = (size_t)n * patch_count(g);
    ws->patches = bump_take(b, patches * patch_values(g), be->real_size);
    ws->embedded = bump_take(b, patches * (size_t)g->width, be->real_size);
    size_t tokens = (size_t)n * (size_t)g->tokens * (size_t)g->width;
    ws->tokens = geometry_stem_goes_on(g) ? bump_take(b, tokens, be->real_size) : NULL;
    ws->scratch = g->rope ? bump_take(b, tokens, be->real_size) : NULL;
}

void stem_patches(const struct geometry *g, struct backend *be, const struct stem_ws *ws,
                  const struct input_format *format, const struct view *views, int n)
{
    struct patchify_args p = { .n = n,
                               .side = g->image_size,
                               .patch = g->patch,
                               .stride = g->stride,
                               .grid = g->grid,
                               .views = views,
                               .out = ws->patches };
    for (int i = 0; i < 3; i++) {
        p.fill_rgb[i] = format->fill_rgb[i];
        p.mean[i] = format->mean[i];
        p.std[i] = format->std[i];
    }
    be->op.patchify(be, &p);
}

void stem_embed(const struct geometry *g, struct backend *be, const struct stem *s,
                const struct stem_ws *ws, int n, real *tokens)
{
    run_linear(be, s->proj, s->proj_b, n * (int)patch_count(g), ws->patches, patch_values(g),
               ws->embedded, (size_t)g->width);
    struct embed_args e = { .n = n,
                            .len = g->tokens,
                            .width = g->width,
                            .others = g->others,
                            .patches = ws->embedded,
                            .other = s->other,
                            .pos = s->pos,
                            .out = geometry_stem_goes_on(g) ? ws->tokens : tokens };
    memcpy(e.other_at, g->other_at, sizeof e.other_at);
    be->op.embed(be, &e);
    const struct layernorm_args norm = { .rows = n * g->tokens,
                                         .width = g->width,
                                         .x = ws->tokens,
                                         .w = s->norm_w,
                                         .b = s->norm_b,
                                         .eps = g->eps,
                                         .y = tokens };
    if (g->norm_pre)
        be->op.layernorm(be, &norm);
    if (!g->rope)
        return;
    run_copy(be, ws->tokens, tokens, (size_t)n * (size_t)g->tokens * (size_t)g->width);
    rotate_tokens(g, be, s->rotation, false, n, tokens, ws->scratch);
}

void stem_forward(const struct geometry *g, struct backend *be, const struct stem *s,
                  const struct stem_ws *ws, const struct input_format *format,
                  const struct view *views, int n, real *tokens)
{
    stem_patches(g, be, ws, format, views, n);
    stem_embed(g, be, s, ws, n, tokens);
}

/* ---- the read-out ---- */

static void spread(const struct geometry *g, bool patches, bool others, double total, double *w)
{
    int count = 0;
    for (int t = 0; t < g->tokens; t++)
        count += geometry_is_patch(g, t) ? patches : others;
    for (int t = 0; t < g->tokens; t++)
        if (geometry_is_patch(g, t) ? patches : others)
            w[t] += total / count;
}

void geometry_readout(const struct geometry *g, double *w)
{
    memset(w, 0, (size_t)g->tokens * sizeof *w);
    switch (g->readout) {
    case READ_TOKEN:
        w[g->cls_at] = 1;
        break;
    case READ_TWO_HEADS:
        w[g->other_at[0]] = w[g->other_at[1]] = 0.5;
        break;
    case READ_OTHERS:
    case READ_REGISTERS:
        spread(g, false, true, 1, w);
        break;
    case READ_MEAN:
        spread(g, true, false, 1, w);
        break;
    case READ_MEAN_ALL:
        spread(g, true, true, 1, w);
        break;
    case READ_TOKEN_AND_MEAN:
        spread(g, true, false, 0.5, w);
        w[g->cls_at] += 0.5;
        break;
    }
}
