/* The z^B rule: relevance through the patch projection, whose input lies in a box (Montavon et al.
 * 2017), as Transformer-Explainability has it. l and h are an image's smallest and largest value:
 *     s = R / (x Wᵀ - l ⊙ W⁺ - h ⊙ W⁻),  R_x = x ⊙ (s W) - l (s W⁺) - h (s W⁻) */
#include <stdlib.h>

#include "input.h"

static size_t patches_of(const struct geometry *g)
{
    return (size_t)g->grid * (size_t)g->grid;
}

static size_t patch_values(const struct geometry *g)
{
    return 3 * (size_t)g->patch * (size_t)g->patch;
}

bool input_box_open(struct input_box *box, int n)
{
    for (int k = 0; k < 2; k++)
        box->host[k] = calloc((size_t)n, sizeof *box->host[k]);
    return box->host[0] != NULL && box->host[1] != NULL;
}

void input_box_close(struct input_box *box)
{
    free(box->host[0]);
    free(box->host[1]);
}

void input_box_layout(struct sweep *s, struct bump *b)
{
    const struct geometry *g = &s->model->geo;
    size_t n = (size_t)s->n_max, values = patch_values(g), d = (size_t)g->width;
    size_t size = s->down->real_size;
    struct input_box *box = &s->input->box;
    box->other = bump_take(b, n * patches_of(g) * values, size);
    box->ones = bump_take(b, patches_of(g) > values ? patches_of(g) : values, size);
    box->sums = bump_take(b, 2 * d, size);
    box->lows = bump_take(b, n * d, size);
    box->range = bump_take(b, 2 * n, size);
}

/* box->range, and its negatives on the host. */
static void find_range(struct layer_view *v)
{
    const struct geometry *g = v->geo;
    const struct input_box *box = &v->input->box;
    const struct channel_reduce_args reduce = { .n = v->n,
                                                .len = (int)patches_of(g),
                                                .chan = (int)patch_values(g),
                                                .v = v->patches,
                                                .sign = SIGN_KEEP,
                                                .reduce = REDUCE_MEAN,
                                                .out = v->sums,
                                                .range = box->range };
    v->be->op.channel_reduce(v->be, &reduce);
    for (int i = 0; i < v->n; i++) {
        double range[2];
        be_read_doubles(v->be, range, be_at(v->be, box->range, 2 * (size_t)i), 2);
        box->host[0][i] = -range[0];
        box->host[1][i] = -range[1];
    }
}

/* Takes l ⊙ W⁺ + h ⊙ W⁻, the same for all patches of an image, from in->product. */
static void subtract_box(struct layer_view *v)
{
    const struct input *in = v->input;
    const struct input_box *box = &in->box;
    size_t patches = patches_of(v->geo), values = patch_values(v->geo), d = (size_t)v->geo->width;
    float one = 1;
    for (size_t i = 0; i < (patches > values ? patches : values); i++)
        be_write_floats(v->be, be_at(v->be, box->ones, i), &one, 1);
    run_linear(v->be, in->w->plus, NULL, 1, box->ones, values, box->sums, d);
    run_linear(v->be, in->w->minus, NULL, 1, box->ones, values, be_at(v->be, box->sums, d), d);
    const struct matmul_args lows = { .b0 = 1,
                                      .b1 = 1,
                                      .m = v->n,
                                      .n = v->geo->width,
                                      .k = 2,
                                      .a = { .p = box->range, .ld = 2 },
                                      .b = { .p = box->sums, .ld = d },
                                      .c = { .p = box->lows, .ld = d },
                                      .alpha = 1 };
    const struct matmul_args subtract = { .b0 = v->n,
                                          .b1 = 1,
                                          .m = (int)patches,
                                          .n = v->geo->width,
                                          .k = 1,
                                          .a = { .p = box->ones, .ld = 1 },
                                          .b = { .p = box->lows, .ld = d, .s0 = d },
                                          .c = { .p = in->product, .ld = d, .s0 = patches * d },
                                          .alpha = -1,
                                          .beta = 1 };
    v->be->op.matmul(v->be, &lows);
    v->be->op.matmul(v->be, &subtract);
}

/* s of in->rows through w. */
static void back(struct layer_view *v, const struct weight *w, real *out)
{
    const struct linear_back_args a = { .rows = v->n * (int)patches_of(v->geo),
                                        .w = w,
                                        .gy = v->input->rows,
                                        .ldgy = (size_t)v->geo->width,
                                        .gx = out,
                                        .ldgx = patch_values(v->geo) };
    v->be->op.linear_back(v->be, &a);
}

/* in->rows: the patches' relevance, of their tokens without the position: R = (e - pos) ⊙ S(R, e).
 */
static void leave_position(struct layer_view *v)
{
    const struct geometry *g = v->geo;
    const struct input *in = v->input;
    size_t rows = (size_t)v->n * patches_of(g), d = (size_t)g->width;
    run_map2(v->be, MAP_RATIO, v->relevance, v->tokens, v->relevance,
             (size_t)v->n * (size_t)g->tokens * d, 1.0);
    input_patch_rows(v, v->relevance, in->rows);
    run_linear(v->be, in->w->proj, in->w->b, (int)rows, v->patches, patch_values(g), in->product,
               d);
    run_map2(v->be, MAP_MUL, in->product, in->rows, in->rows, rows * d, 1.0);
}

void input_box_relevance(struct layer_view *v, const struct rules *r, struct track *tracks)
{
    const struct geometry *g = v->geo;
    const struct input *in = v->input;
    size_t rows = (size_t)v->n * patches_of(g), d = (size_t)g->width, values = patch_values(g);
    const struct weight *const parts[] = { in->w->plus, in->w->minus };
    leave_position(v);
    find_range(v);
    run_linear(v->be, in->w->proj, NULL, (int)rows, v->patches, values, in->product, d);
    subtract_box(v);
    run_map2(v->be, MAP_RATIO, in->rows, in->product, in->rows, rows * d, 1.0);
    back(v, in->w->proj, in->patch_gradient);
    run_map2(v->be, MAP_MUL, v->patches, in->patch_gradient, in->patch_gradient, rows * values,
             1.0);
    for (int k = 0; k < 2; k++) {
        back(v, parts[k], in->box.other);
        const struct mix_args add = { .n = v->n,
                                      .count = patches_of(g) * values,
                                      .x = in->box.other,
                                      .wx = in->box.host[k],
                                      .accumulate = true,
                                      .out = in->patch_gradient };
        v->be->op.mix(v->be, &add);
    }
    input_finish(v, r, tracks);
}
