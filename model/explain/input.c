#include "input.h"

#include <math.h>
#include <stdlib.h>

#include "signs.h"

static size_t patches_of(const struct geometry *g)
{
    return (size_t)g->grid * (size_t)g->grid;
}

static size_t patch_values(const struct geometry *g)
{
    return 3 * (size_t)g->patch * (size_t)g->patch;
}

static size_t pixels_of(const struct geometry *g)
{
    return (size_t)g->image_size * (size_t)g->image_size;
}

bool input_wanted(const struct rules *r)
{
    return r->level == LEVEL_PATCH || r->level == LEVEL_PIXEL;
}

void input_unbind(struct input_weights *w, struct backend *be)
{
    if (w == NULL)
        return;
    be->op.weight_free(be, w->proj);
    be->op.weight_free(be, w->proj_abs);
    be->op.weight_free(be, w->plus);
    be->op.weight_free(be, w->minus);
    be->free(be, w->b);
    *w = (struct input_weights){ 0 };
}

static bool bind(struct input_weights *w, const struct model *m, struct backend *be, bool gamma,
                 bool box)
{
    static const char name[] = "patch_embed.proj.weight";
    w->proj = bind_weight(m, be, WEIGHT_FORWARD | WEIGHT_BACK, name);
    w->b = gamma || box ? bind_array(m, be, "patch_embed.proj.bias") : NULL;
    w->proj_abs = gamma ? bind_weight_of(m, be, fabsf, name) : NULL;
    w->plus = box ? bind_weight_of(m, be, keep_positive, name) : NULL;
    w->minus = box ? bind_weight_of(m, be, keep_negative, name) : NULL;
    return w->proj && (w->b || !(gamma || box)) && (w->proj_abs || !gamma) &&
           ((w->plus && w->minus) || !box);
}

static enum status no_memory(const struct model *m, struct backend *be, struct error *err)
{
    return fail(err, E_NOMEM, "%s: no memory for the patch projection of %s", be->name,
                m->checkpoint->path);
}

enum status input_bind_for(struct input_weights **out, const struct model *m, struct backend *be,
                           const struct job *jobs, int count, struct error *err)
{
    bool wanted = false, gamma = false, box = false;
    for (int i = 0; i < count; i++) {
        const struct rules *r = &jobs[i].rules;
        wanted = wanted || input_wanted(r);
        gamma = gamma || r->gamma_conv > 0;
        box = box || (input_wanted(r) && r->gradient == GRADIENT_FIRST_LRP);
    }
    if (wanted) {
        *out = calloc(1, sizeof **out);
        if (*out == NULL || !bind(*out, m, be, gamma, box))
            return no_memory(m, be, err);
    }
    return be->sync(be, err);
}

enum status input_rebind(struct input_weights *w, const struct model *m, struct backend *be,
                         struct error *err)
{
    if (w == NULL)
        return OK;
    bool gamma = w->proj_abs != NULL, box = w->plus != NULL;
    input_unbind(w, be);
    return bind(w, m, be, gamma, box) ? OK : no_memory(m, be, err);
}

bool input_open(struct sweep *s)
{
    s->input->host = calloc(pixels_of(&s->model->geo), sizeof *s->input->host);
    return s->input->host != NULL &&
           (s->input->w->plus == NULL || input_box_open(&s->input->box, s->n_max));
}

void input_close(struct sweep *s)
{
    free(s->input->host);
    input_box_close(&s->input->box);
}

void input_layout(struct sweep *s, struct bump *b)
{
    const struct geometry *g = &s->model->geo;
    size_t n = (size_t)s->n_max, rows = n * patches_of(g), size = s->down->real_size;
    struct input *in = s->input;
    in->rows = bump_take(b, rows * (size_t)g->width, size);
    in->product = bump_take(b, rows * (size_t)g->width, size);
    in->patch_gradient = bump_take(b, rows * patch_values(g), size);
    in->pixels = bump_take(b, 3 * n * pixels_of(g), size);
    in->map = bump_take(b, n * pixels_of(g), size);
    if (in->w->proj_abs != NULL)
        in->gamma = bump_take(b, rows * (patch_values(g) + 2 * (size_t)g->width), size);
    if (in->w->plus != NULL)
        input_box_layout(s, b);
}

void input_patch_rows(struct layer_view *v, const real *tokens, real *rows)
{
    const struct geometry *g = v->geo;
    size_t d = (size_t)g->width, to = 0;
    for (int i = 0; i < v->n; i++)
        for (int t = 0, end; t < g->tokens; t = end + 1) { /* runs between the other tokens */
            for (end = t; end < g->tokens && geometry_is_patch(g, end);)
                end++;
            size_t from = ((size_t)i * (size_t)g->tokens + (size_t)t) * d;
            size_t count = (size_t)(end - t) * d;
            if (count > 0)
                run_copy(v->be, be_at(v->be, tokens, from), be_at(v->be, rows, to), count);
            to += count;
        }
}

/* Values of an image's patches, one each, to where the tokens' values lie in a track. */
static void put_patches(const struct geometry *g, const double *values, double weight, double *out)
{
    for (int t = 0; t < g->tokens; t++)
        if (geometry_is_patch(g, t))
            out[t] += weight * *values++;
}

static void dot_rows(struct layer_view *v, size_t rows, const real *x, const real *y)
{
    const struct row_reduce_args dot = {
        .stat = ROW_DOT, .rows = rows, .cols = v->geo->width, .x = x, .y = y, .out = v->sums
    };
    v->be->op.row_reduce(v->be, &dot);
}

static void at_tokens(struct layer_view *v, struct track *tracks)
{
    size_t len = (size_t)v->geo->tokens;
    dot_rows(v, (size_t)v->n * len, v->tokens, v->g_tokens);
    for (int i = 0; i < v->n; i++)
        be_read_doubles(v->be, tracks[i].v, be_at(v->be, v->sums, (size_t)i * len), len);
}

void input_patch_products(struct layer_view *v, double *out)
{
    const struct geometry *g = v->geo;
    const struct input *in = v->input;
    size_t rows = (size_t)v->n * patches_of(g);
    input_patch_rows(v, v->g_tokens, in->rows);
    run_linear(v->be, in->w->proj, NULL, (int)rows, v->patches, patch_values(g), in->product,
               (size_t)g->width);
    dot_rows(v, rows, in->product, in->rows);
    be_read_doubles(v->be, out, v->sums, rows);
}

void input_put_patches(const struct layer_view *v, const double *values, double weight,
                       struct track *tracks)
{
    for (int i = 0; i < v->n; i++)
        put_patches(v->geo, values + (size_t)i * patches_of(v->geo), weight, tracks[i].v);
}

/* in->patch_gradient by AttnLRP's rule, whose output is what the projection gave. */
static void gamma_patches(struct layer_view *v, double gamma)
{
    const struct geometry *g = v->geo;
    const struct input *in = v->input;
    size_t rows = (size_t)v->n * patches_of(g), values = patch_values(g);
    run_linear(v->be, in->w->proj, in->w->b, (int)rows, v->patches, values, in->product,
               (size_t)g->width);
    struct gamma_back a = { .gamma = gamma,
                            .rows = (int)rows,
                            .in = values,
                            .out = (size_t)g->width,
                            .w = in->w->proj,
                            .w_abs = in->w->proj_abs,
                            .b = in->w->b,
                            .x = v->patches,
                            .y = in->product,
                            .gy = in->rows,
                            .gx = in->patch_gradient,
                            .scratch = in->gamma };
    run_gamma_back(v->be, &a);
}

/* in->pixels, of in->patch_gradient. */
static void fold_patches(struct layer_view *v)
{
    const struct geometry *g = v->geo;
    const struct fold_args fold = { .n = v->n,
                                    .side = g->image_size,
                                    .patch = g->patch,
                                    .stride = g->stride,
                                    .grid = g->grid,
                                    .patches = v->input->patch_gradient,
                                    .out = v->input->pixels };
    v->be->op.fold(v->be, &fold);
}

void input_pixel_gradient(struct layer_view *v, const struct rules *r, bool times_input)
{
    const struct input *in = v->input;
    size_t rows = (size_t)v->n * patches_of(v->geo), values = patch_values(v->geo);
    const struct linear_back_args back = { .rows = (int)rows,
                                           .w = in->w->proj,
                                           .gy = in->rows,
                                           .ldgy = (size_t)v->geo->width,
                                           .gx = in->patch_gradient,
                                           .ldgx = values };
    input_patch_rows(v, v->g_tokens, in->rows);
    if (r->gamma_conv > 0)
        gamma_patches(v, r->gamma_conv);
    else
        v->be->op.linear_back(v->be, &back);
    if (times_input)
        run_map2(v->be, MAP_MUL, v->patches, in->patch_gradient, in->patch_gradient, rows * values,
                 1.0);
    fold_patches(v);
}

/* Sums over the windows of the patches. */
static void window_sums(const struct geometry *g, const double *map, double weight, double *out)
{
    for (int t = 0, patch = 0; t < g->tokens; t++) {
        if (!geometry_is_patch(g, t))
            continue;
        int top = patch / g->grid * g->stride, left = patch % g->grid * g->stride;
        for (int y = 0; y < g->patch; y++)
            for (int x = 0; x < g->patch; x++)
                out[t] += weight * map[(top + y) * g->image_size + left + x];
        patch++;
    }
}

/* in->map: Σ_c, Σ_c |.| or max_c |.| of pixels. */
static void join_channels(struct layer_view *v, enum channel_rule rule, const real *pixels)
{
    const struct input *in = v->input;
    size_t count = (size_t)v->n * pixels_of(v->geo);
    if (rule != CHANNELS_SUM)
        run_map2(v->be, MAP_ABS, pixels, NULL, in->pixels, 3 * count, 1.0);
    const struct row_reduce_args join = { .stat = rule == CHANNELS_MAX ? ROW_MAX_POS : ROW_SUM,
                                          .rows = count,
                                          .cols = 3,
                                          .x = rule == CHANNELS_SUM ? pixels : in->pixels,
                                          .out = in->map };
    v->be->op.row_reduce(v->be, &join);
}

void input_put_pixels(struct layer_view *v, const struct rules *r, const real *values,
                      double weight, struct track *tracks)
{
    const struct geometry *g = v->geo;
    const struct input *in = v->input;
    size_t pixels = pixels_of(g);
    join_channels(v, r->channels, values);
    for (int i = 0; i < v->n; i++) {
        be_read_doubles(v->be, in->host, be_at(v->be, in->map, (size_t)i * pixels), pixels);
        if (r->level == LEVEL_PIXEL)
            for (size_t k = 0; k < pixels; k++)
                tracks[i].v[k] += weight * in->host[k];
        else
            window_sums(g, in->host, weight, tracks[i].v);
    }
}

void input_finish(struct layer_view *v, const struct rules *r, struct track *tracks)
{
    fold_patches(v);
    input_put_pixels(v, r, v->input->pixels, 1, tracks);
}

void input_add_products(struct layer_view *v, const struct rules *r, double weight,
                        struct track *tracks)
{
    if (r->level == LEVEL_PATCH && r->channels == CHANNELS_SUM && r->gamma_conv == 0) {
        input_patch_products(v, v->host);
        input_put_patches(v, v->host, weight, tracks);
    } else {
        input_pixel_gradient(v, r, true);
        input_put_pixels(v, r, v->input->pixels, weight, tracks);
    }
}

void input_times_gradient(struct layer_view *v, const struct rules *r, struct track *tracks)
{
    if (r->level == LEVEL_TOKEN)
        at_tokens(v, tracks);
    else
        input_add_products(v, r, 1, tracks);
}

void input_sum_error(struct layer_view *v, struct track *tracks)
{
    size_t len = (size_t)v->geo->tokens, count = (size_t)v->n * len;
    const real *parts[] = { v->sums, v->bias };
    dot_rows(v, count, v->x, v->g_x);
    for (int i = 0; i < v->n; i++)
        tracks[i].sum = tracks[i].size = 0;
    for (size_t k = 0; k < 2; k++) {
        be_read_doubles(v->be, v->host, parts[k], count);
        for (size_t i = 0; i < count; i++) {
            tracks[i / len].sum += v->host[i];
            tracks[i / len].size += fabs(v->host[i]);
        }
    }
    for (int i = 0; i < v->n; i++)
        tracks[i].sum_error = fabs(tracks[i].sum - v->score[i]) / tracks[i].size;
}
