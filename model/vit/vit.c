#include "vit_geometry.h"
#include "vit_names.h"
#include "vit_read.h"

#include <math.h>

/* ---- forward ---- */

void vit_acts_layout(const struct geometry *g, const struct backend *be, int n, bool explained,
                     struct bump *b, struct vit_acts *a)
{
    size_t rows = (size_t)n * (size_t)g->tokens, d = (size_t)g->width, size = be->real_size;
    bool narrow = (be->narrow || be->narrow_vit) && !explained && !g->gated && g->act == MLP_GELU &&
                  !g->head_norm && g->pre_logits == 0;
    size_t passing = be_size(be, narrow); /* of what goes from one operation to the next */
    size_t mlp = (size_t)g->mlp, len = (size_t)g->tokens;
    *a = (struct vit_acts){ .narrow = narrow };
    a->y = bump_take(b, rows * d, passing);
    a->qkv = bump_take(b, rows * 3 * d, passing);
    a->raw = g->head_norm ? bump_take(b, rows * 3 * d, size) : a->qkv;
    a->att = bump_take(b, rows * d, passing);
    a->mid = bump_take(b, rows * mlp, passing);
    a->value = g->gated ? bump_take(b, rows * mlp, size) : NULL;
    if (!explained)
        return;
    a->probs = bump_take(b, rows * (size_t)g->heads * len, size);
    a->proj = bump_take(b, rows * d, size);
    a->x1 = bump_take(b, rows * d, size);
    a->y2 = bump_take(b, rows * d, size);
    a->fc1 = bump_take(b, rows * mlp, size);
    a->fc2 = bump_take(b, rows * d, size);
    a->x_cls = bump_take(b, (size_t)n * d, size);
    a->att_cls = bump_take(b, (size_t)n * d, size);
}

void vit_gather_cls(const struct geometry *g, struct backend *be, int n, const real *all, real *cls)
{
    size_t d = (size_t)g->width, len = (size_t)g->tokens;
    for (size_t i = 0; i < (size_t)n; i++)
        run_copy(be, be_at(be, all, (i * len + (size_t)g->cls_at) * d), be_at(be, cls, i * d), d);
}

void vit_spread_cls(const struct geometry *g, struct backend *be, int n, const real *finite,
                    const real *cls, real *all)
{
    size_t d = (size_t)g->width, len = (size_t)g->tokens;
    run_map2(be, MAP_COPY, finite, NULL, all, (size_t)n * len * d, 0.0);
    for (size_t i = 0; i < (size_t)n; i++)
        run_copy(be, be_at(be, cls, i * d), be_at(be, all, (i * len + (size_t)g->cls_at) * d), d);
}

static void norm(const struct geometry *g, struct backend *be, int rows, const real *x,
                 const real *h, const real *w, const real *b, real *r, real *y, bool narrow)
{
    const struct layernorm_args a = { .rows = rows,
                                      .width = g->width,
                                      .x = x,
                                      .h = h,
                                      .w = w,
                                      .b = b,
                                      .eps = g->eps,
                                      .r = r,
                                      .y = y,
                                      .narrow_y = narrow };
    be->op.layernorm(be, &a);
}

static void attend(const struct geometry *g, struct backend *be, const struct vit_acts *a, int n)
{
    int dim = g->width / g->heads;
    const struct attention_args t = { .n = n,
                                      .len = g->tokens,
                                      .heads = g->heads,
                                      .dim = dim,
                                      .qkv = a->qkv,
                                      .scale = 1.0 / sqrt((double)dim),
                                      .out = a->att,
                                      .probs = a->probs,
                                      .narrow = a->narrow };
    be->op.attention(be, &t);
}

/* The norms of q and of k, every head its row; v stays. */
static void head_norms(const struct geometry *g, struct backend *be, const struct vit_block *w,
                       const struct vit_acts *a, int n)
{
    size_t d = (size_t)g->width;
    real *const scale[] = { w->q_norm_w, w->k_norm_w }, *const shift[] = { w->q_norm_b,
                                                                           w->k_norm_b };
    run_copy(be, a->raw, a->qkv, (size_t)n * (size_t)g->tokens * 3 * d);
    for (size_t k = 0; k < 2; k++) {
        const struct layernorm_args norm = { .rows = n * g->tokens * g->heads,
                                             .width = g->width / g->heads,
                                             .at = { g->heads, 3 * d },
                                             .x = be_at(be, a->raw, k * d),
                                             .w = scale[k],
                                             .b = shift[k],
                                             .eps = g->eps,
                                             .y = be_at(be, a->qkv, k * d) };
        be->op.layernorm(be, &norm);
    }
}

/* norm1, qkv and attention: the part that every block needs for all tokens. */
static void mix(const struct geometry *g, struct backend *be, const struct vit_block *w,
                const struct vit_acts *a, int n, const real *x)
{
    int rows = n * g->tokens;
    size_t d = (size_t)g->width;
    norm(g, be, rows, x, NULL, w->norm1_w, w->norm1_b, NULL, a->y, a->narrow);
    const struct linear_args qkv = { .rows = rows,
                                     .w = w->qkv.w,
                                     .x = a->y,
                                     .ldx = d,
                                     .bias = w->qkv.b,
                                     .y = a->raw,
                                     .ldy = 3 * d,
                                     .narrow_x = a->narrow,
                                     .narrow_y = a->narrow };
    be->op.linear(be, &qkv);
    if (g->head_norm)
        head_norms(g, be, w, a, n);
    attend(g, be, a, n);
}

static void add_linear(struct backend *be, const struct vit_linear *w, int rows, const real *x,
                       size_t in, real *y, size_t out, bool narrow)
{
    const struct linear_args l = { .rows = rows,
                                   .w = w->w,
                                   .x = x,
                                   .ldx = in,
                                   .bias = w->b,
                                   .accumulate = true,
                                   .y = y,
                                   .ldy = out,
                                   .narrow_x = narrow };
    be->op.linear(be, &l);
}

/* a->mid = act(gate) ⊙ value, of y [rows, D]; gate may be a->mid. */
static void close_gate(const struct geometry *g, struct backend *be, const struct vit_block *w,
                       const struct vit_acts *a, int rows, size_t d, size_t mlp, const real *gate,
                       const real *y)
{
    size_t count = (size_t)rows * mlp;
    run_linear(be, w->value.w, w->value.b, rows, y, d, a->value, mlp);
    run_map2(be, vit_act(g, MAP_GELU), gate, NULL, a->mid, count, 1.0);
    run_map2(be, MAP_MUL, a->mid, a->value, a->mid, count, 1.0);
}

/* proj and the MLP in narrow arrays, of CLS rows where they lie in x [n, L, D] alone. */
static void narrow_cls_rows(const struct geometry *g, struct backend *be, const struct vit_block *w,
                            const struct vit_acts *a, int n, real *x)
{
    size_t d = (size_t)g->width, mlp = (size_t)g->mlp, step = (size_t)g->tokens * d;
    size_t from = (size_t)g->cls_at * d;
    real *cls = be_at(be, x, from);
    add_linear(be, &w->proj, n, be_at_narrow(be, true, a->att, from), step, cls, step, true);
    const struct layernorm_args norm2 = { .rows = n,
                                          .width = g->width,
                                          .at = { 1, step },
                                          .x = cls,
                                          .w = w->norm2_w,
                                          .b = w->norm2_b,
                                          .eps = g->eps,
                                          .y = a->y,
                                          .narrow_y = true };
    be->op.layernorm(be, &norm2);
    const struct linear_args fc1 = { .rows = n,
                                     .w = w->fc1.w,
                                     .x = a->y,
                                     .ldx = step,
                                     .bias = w->fc1.b,
                                     .act = ACT_GELU,
                                     .y = a->mid,
                                     .ldy = mlp,
                                     .narrow_x = true,
                                     .narrow_y = true };
    be->op.linear(be, &fc1);
    add_linear(be, &w->fc2, n, a->mid, mlp, cls, step, true);
}

void vit_block_forward(const struct geometry *g, struct backend *be, const struct vit_block *w,
                       const struct vit_acts *a, int n, real *x)
{
    int rows = vit_rows(g, a, n);
    size_t d = (size_t)g->width, mlp = (size_t)g->mlp;
    mix(g, be, w, a, n, x);
    if (a->cls_only && a->narrow) {
        narrow_cls_rows(g, be, w, a, n, x);
        return;
    }
    if (a->cls_only) {
        vit_gather_cls(g, be, n, x, x);
        vit_gather_cls(g, be, n, a->att, a->att);
    }
    add_linear(be, &w->proj, rows, a->att, d, x, d, a->narrow);
    norm(g, be, rows, x, NULL, w->norm2_w, w->norm2_b, NULL, a->y, a->narrow);
    if (g->gated) {
        run_linear(be, w->fc1.w, w->fc1.b, rows, a->y, d, a->mid, mlp);
        close_gate(g, be, w, a, rows, d, mlp, a->mid, a->y);
        add_linear(be, &w->fc2, rows, a->mid, mlp, x, d, false);
        return;
    }
    const struct linear_args fc1 = { .rows = rows,
                                     .w = w->fc1.w,
                                     .x = a->y,
                                     .ldx = d,
                                     .bias = w->fc1.b,
                                     .act = g->act == MLP_GELU ? ACT_GELU : ACT_NONE,
                                     .y = a->mid,
                                     .ldy = mlp,
                                     .narrow_x = a->narrow,
                                     .narrow_y = a->narrow };
    be->op.linear(be, &fc1);
    if (g->act != MLP_GELU)
        run_map2(be, vit_act(g, MAP_GELU), a->mid, NULL, a->mid, (size_t)rows * mlp, 1.0);
    add_linear(be, &w->fc2, rows, a->mid, mlp, x, d, a->narrow);
}

void vit_block_record(const struct geometry *g, struct backend *be, const struct vit_block *w,
                      const struct vit_acts *a, int n, const real *x)
{
    int rows = vit_rows(g, a, n);
    size_t d = (size_t)g->width, mlp = (size_t)g->mlp;
    mix(g, be, w, a, n, x);
    if (a->cls_only) {
        vit_gather_cls(g, be, n, x, a->x_cls);
        vit_gather_cls(g, be, n, a->att, a->att_cls);
    }
    run_linear(be, w->proj.w, w->proj.b, rows, a->cls_only ? a->att_cls : a->att, d, a->proj, d);
    norm(g, be, rows, a->cls_only ? a->x_cls : x, a->proj, w->norm2_w, w->norm2_b, a->x1, a->y2,
         false);
    run_linear(be, w->fc1.w, w->fc1.b, rows, a->y2, d, a->fc1, mlp);
    if (g->gated)
        close_gate(g, be, w, a, rows, d, mlp, a->fc1, a->y2);
    else
        run_map2(be, vit_act(g, MAP_GELU), a->fc1, NULL, a->mid, (size_t)rows * mlp, 1.0);
    run_linear(be, w->fc2.w, w->fc2.b, rows, a->mid, mlp, a->fc2, d);
}

void vit_final_norm(const struct geometry *g, struct backend *be, const struct vit_weights *w,
                    int rows, const real *x, real *y)
{
    norm(g, be, rows, x, NULL, w->norm_w, w->norm_b, NULL, y, false);
}

void vit_head(const struct geometry *g, struct backend *be, const struct vit_weights *w, int n,
              const real *x, real *normed, real *logits)
{
    size_t d = (size_t)g->width;
    norm(g, be, n, x, NULL, w->norm_w, w->norm_b, NULL, normed, false);
    run_linear(be, w->head.w, w->head.b, n, normed, d, logits, (size_t)g->classes);
}

/* The same from narrow arrays and all tokens, x [n, L, D]: the CLS rows are told by their stride.
 */
static void head_narrow(const struct geometry *g, struct backend *be, const struct vit_weights *w,
                        const struct vit_acts *a, int n, const real *x, real *logits)
{
    size_t d = (size_t)g->width;
    norm(g, be, n * g->tokens, x, NULL, w->norm_w, w->norm_b, NULL, a->y, true);
    const struct linear_args l = { .rows = n,
                                   .w = w->head.w,
                                   .x = be_at_narrow(be, true, a->y, (size_t)g->cls_at * d),
                                   .ldx = (size_t)g->tokens * d,
                                   .bias = w->head.b,
                                   .y = logits,
                                   .ldy = (size_t)g->classes,
                                   .narrow_x = true };
    be->op.linear(be, &l);
}

static const struct stem *stem_of(const void *weights)
{
    return &((const struct vit_weights *)weights)->stem;
}

/* ---- the classifying pass ---- */

struct vit_ws {
    struct vit_acts acts;
    struct vit_read read; /* where more than one token is read, or there is a hidden layer */
};

static void layout(const struct geometry *g, const struct backend *be, int n, struct bump *b,
                   void *ws)
{
    struct vit_ws *v = ws;
    vit_acts_layout(g, be, n, false, b, &v->acts);
    if (!vit_reads_token(g) || g->pre_logits > 0)
        vit_read_layout(g, be, n, false, b, &v->read);
}

static void forward(const struct geometry *g, struct backend *be, const void *weights, void *ws,
                    int n, real *tokens, real *logits)
{
    const struct vit_weights *w = weights;
    struct vit_ws *v = ws;
    struct vit_acts *a = &v->acts;
    for (int i = 0; i < g->depth; i++) {
        /* A GPU's narrow pass makes all rows: they cost it nothing. */
        a->cls_only =
            vit_reads_token(g) && i == g->depth - 1 && (!a->narrow || be->lane_images == 1);
        vit_block_forward(g, be, &w->block[i], a, n, tokens);
    }
    if (!vit_reads_token(g) || g->pre_logits > 0)
        vit_read_forward(g, be, w, n, tokens, &v->read, logits);
    else if (a->narrow)
        head_narrow(g, be, w, a, n, tokens, logits);
    else
        vit_head(g, be, w, n, tokens, a->y, logits);
}

const struct arch_type vit_type = {
    .name = "vit",
    .title = "ViT",
    .tensors = { .stems = vit_stems, .marks = vit_marks, .layers = "blocks." },
    .adopt = vit_adopt,
    .published = vit_published,
    .own_sizes = vit_own_sizes,
    .complete = vit_complete,
    .read_geometry = vit_read_geometry,
    .list_tensors = vit_list_tensors,
    .describe = vit_describe,
    .bind = vit_bind,
    .rebind = vit_rebind,
    .unbind = vit_unbind,
    .stem = stem_of,
    .ws_size = sizeof(struct vit_ws),
    .layout = layout,
    .forward = forward,
    .explain = &vit_explain,
};
