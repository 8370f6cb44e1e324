/* ViT in a sweep: a block's activations, gradients and relevance, and its attention maps. */
#include <stdlib.h>

#include "vit_sweep.h"

static const struct vit_weights *weights_of(const struct sweep *s)
{
    return s->weights;
}

static void layout_layer(const struct sweep *s, struct bump *b)
{
    struct vit_acts acts;
    vit_acts_layout(&s->model->geo, s->be, s->n_max, true, b, &acts);
}

static void layout(struct sweep *s, struct bump *b)
{
    struct vit_scores *v = s->scratch;
    const struct geometry *g = &s->model->geo;
    size_t kept = (size_t)(g->depth - s->lowest);
    for (int i = 0; i < s->stream_count; i++) {
        v->any_gradient = true;
        v->any_lrp = v->any_lrp || s->streams[i].lrp;
        v->any_first = v->any_first || s->streams[i].kind == GRADIENT_FIRST_LRP;
        v->any_gamma = v->any_gamma || s->streams[i].kind == GRADIENT_ATTNLRP;
    }
    for (size_t i = 0; v->kept != NULL && i < kept; i++)
        vit_acts_layout(g, s->be, s->n_max, true, b, &v->kept[i]);
    if (v->kept == NULL)
        vit_acts_layout(g, s->be, s->n_max, true, b, &v->acts);
    vit_acts_layout(g, s->be, s->n_max, false, b, &v->plain);
    vit_read_layout(g, s->be, s->n_max, v->any_gradient, b, &v->read);
    if (v->any_gradient)
        vit_grads_layout(g, s->be, s->n_max, v->any_gamma, b, &v->grads);
    if (v->any_lrp)
        vit_lrp_layout(g, s->be, s->n_max, v->any_first, b, &v->lrp);
    v->map =
        bump_take(b, (size_t)s->n_max * (size_t)g->tokens * (size_t)g->tokens, s->be->real_size);
}

static bool open_scores(struct sweep *s)
{
    struct vit_scores *v = s->scratch;
    if (s->keeps)
        v->kept = calloc((size_t)(s->model->geo.depth - s->lowest), sizeof *v->kept);
    return !s->keeps || v->kept != NULL;
}

static void close_scores(struct sweep *s)
{
    free(((struct vit_scores *)s->scratch)->kept);
}

/* The last block, of whose output one token is read. */
static bool is_last(const struct sweep *s, int layer)
{
    return layer == s->model->geo.depth - 1 && vit_reads_token(&s->model->geo);
}

/* Where the forward pass records a block; NULL: nowhere. On a device whose memory decides what is
 * kept the output is computed in the same way whether it is kept or not, to the same bits. */
static struct vit_acts *recorded(const struct sweep *s, int layer)
{
    struct vit_scores *v = s->scratch;
    if (layer < s->lowest)
        return NULL;
    if (v->kept != NULL)
        return &v->kept[layer - s->lowest];
    return s->be->memory != NULL ? &v->acts : NULL;
}

static void forward(struct sweep *s, int layer, real *x)
{
    struct vit_scores *v = s->scratch;
    const struct geometry *g = &s->model->geo;
    const struct vit_block *w = &weights_of(s)->block[layer];
    struct vit_acts *a = recorded(s, layer);
    if (a == NULL) {
        v->plain.cls_only = is_last(s, layer);
        vit_block_forward(g, s->be, w, &v->plain, s->n, x);
        return;
    }
    a->cls_only = is_last(s, layer);
    vit_block_record(g, s->be, w, a, s->n, x);
    run_map2(s->be, MAP_ADD, a->x1, a->fc2, x, (size_t)vit_rows(g, a, s->n) * (size_t)g->width,
             1.0);
}

static void head(struct sweep *s, const real *x, real *logits)
{
    const struct vit_scores *v = s->scratch;
    vit_read_forward(&s->model->geo, s->be, weights_of(s), s->n, x, &v->read, logits);
}

static void record(struct sweep *s, int layer, const real *x)
{
    struct vit_scores *v = s->scratch;
    v->w = &weights_of(s)->block[layer];
    if (v->kept != NULL && layer >= s->lowest && s->recorded) {
        v->acts = v->kept[layer - s->lowest];
        return;
    }
    if (v->kept != NULL)
        v->acts = v->kept[0];
    v->acts.cls_only = is_last(s, layer);
    vit_block_record(&s->model->geo, s->be, v->w, &v->acts, s->n, x);
}

static struct vit_back_rules back_rules(const struct vit_scores *v, const struct stream *st)
{
    struct vit_back_rules rules = { .bias = st->bias, .gamma_scratch = v->grads.gamma };
    if (st->kind == GRADIENT_LIBRA || st->kind == GRADIENT_ATTNLRP)
        rules.detach_norm = rules.gelu_gate = rules.values_only = true;
    if (st->kind == GRADIENT_ATTNLRP) {
        const struct rules *r = st->rules;
        rules.values_only = r->softmax == SOFTMAX_CP;
        rules.halves = !rules.values_only;
        rules.gamma = r->gamma_linear;
        rules.gamma_attn = r->gamma_attention ? r->gamma_linear : 0;
    }
    return rules;
}

static bool first_lrp(const struct stream *st)
{
    return st->kind == GRADIENT_FIRST_LRP;
}

/* The scratch of relevance, under a stream's rules. */
static struct vit_lrp lrp_of(const struct vit_scores *v, const struct stream *st)
{
    struct vit_lrp lrp = v->lrp;
    lrp.first = first_lrp(st);
    return lrp;
}

static void top(struct sweep *s, struct stream *st, const real *x, const real *logits)
{
    const struct vit_scores *v = s->scratch;
    const struct geometry *g = &s->model->geo;
    const struct vit_back_rules rules = back_rules(v, st);
    const struct vit_lrp lrp = lrp_of(v, st);
    if (st->lrp)
        vit_read_lrp(g, s->be, weights_of(s), &lrp, s->n, x, &v->read, logits, st->onehot,
                     st->relevance);
    if (!first_lrp(st))
        vit_read_back(g, s->be, weights_of(s), &rules, s->n, x, &v->read, logits, st->onehot,
                      st->gradient);
}

static void enter(struct sweep *s, struct stream *st, int layer, const real *x)
{
    const struct vit_scores *v = s->scratch;
    const struct vit_back_rules rules = back_rules(v, st);
    const struct vit_lrp lrp = lrp_of(v, st);
    (void)layer;
    if (!first_lrp(st))
        vit_block_back_probs(&s->model->geo, s->be, v->w, &v->acts, &v->grads, &rules, s->n,
                             st->gradient);
    if (st->lrp)
        vit_block_lrp_probs(&s->model->geo, s->be, v->w, &v->acts, &lrp, s->n, x, st->relevance);
}

static void leave(struct sweep *s, struct stream *st, int layer, const real *x)
{
    const struct vit_scores *v = s->scratch;
    const struct vit_back_rules rules = back_rules(v, st);
    const struct vit_lrp lrp = lrp_of(v, st);
    (void)layer;
    if (!first_lrp(st))
        vit_block_back(&s->model->geo, s->be, v->w, &v->acts, &v->grads, &rules, s->n, x,
                       st->gradient);
    if (st->lrp)
        vit_block_lrp(&s->model->geo, s->be, v->w, &v->acts, &lrp, s->n, x, st->relevance);
}

/* Relevance passes the norm as it is. */
static void below(struct sweep *s, const struct stream *st, const real *tokens, real *g)
{
    const struct vit_back_rules rules = back_rules(s->scratch, st);
    if (!first_lrp(st))
        vit_norm_back(&s->model->geo, s->be, &rules, s->n * s->model->geo.tokens, tokens,
                      weights_of(s)->stem.norm_w, st->gradient, false, g);
}

const struct arch_explain vit_explain = {
    .gradients = 1u << GRADIENT_PLAIN | 1u << GRADIENT_LIBRA | 1u << GRADIENT_FIRST_LRP |
                 1u << GRADIENT_ATTNLRP,
    .relevance = true,
    .rolls_on_device = true,
    .switches = EXPLAIN_START_LAYER | EXPLAIN_ROW_NORM | EXPLAIN_CLAMP_MAP | EXPLAIN_DISCARD |
                EXPLAIN_BACKWARD | EXPLAIN_ATTNLRP,
    .rules = vit_rules,
    .scratch = { sizeof(struct vit_scores), open_scores, close_scores, layout, layout_layer },
    .forward = forward,
    .head = head,
    .record = record,
    .top = top,
    .enter = enter,
    .leave = leave,
    .below = below,
    .attention = &vit_attention,
};
