/* ViT in a sweep: a block's activations, gradients and relevance, and its attention maps. */
#include <stdlib.h>

#include "vit_maps.h"
#include "vit_sweep.h"

static const struct vit_weights *weights_of(const struct sweep *s)
{
    return s->weights;
}

static const struct vit_weights *down_weights_of(const struct sweep *s)
{
    return s->down_weights;
}

/* [n, H, L, L] */
static size_t maps_elements(const struct geometry *g, int n)
{
    size_t len = (size_t)g->tokens;
    return (size_t)n * (size_t)g->heads * len * len;
}

static void layout_record(const struct sweep *s, struct bump *b, struct vit_record *r)
{
    const struct geometry *g = &s->model->geo;
    size_t images = (size_t)s->n_max, d = (size_t)g->width, size = s->be->real_size;
    const struct vit_acts *a = &r->acts;
    vit_acts_layout(g, s->down, s->n_max, true, b, &r->acts);
    r->exact = (struct vit_exact){ .x = a->x_cls, .proj = a->proj, .x1 = a->x1, .fc2 = a->fc2 };
    if (!sweep_mixed(s))
        return;
    const real **const rows[] = { &r->exact.proj, &r->exact.x1, &r->exact.fc2 };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        *rows[i] = bump_take(b, images * (size_t)g->tokens * d, size);
    r->exact.x = bump_take(b, images * d, size);
    r->exact.scores = bump_take(b, maps_elements(g, s->n_max), s->down->real_size);
}

static void layout_layer(const struct sweep *s, struct bump *b)
{
    struct vit_record record;
    layout_record(s, b, &record);
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
        layout_record(s, b, &v->kept[i]);
    if (v->kept == NULL)
        layout_record(s, b, &v->again);
    if (sweep_mixed(s))
        vit_acts_layout(g, s->be, s->n_max, true, b, &v->full);
    v->scores = sweep_mixed(s) ? bump_take(b, maps_elements(g, s->n_max), s->be->real_size) : NULL;
    vit_acts_layout(g, s->be, s->n_max, false, b, &v->plain);
    vit_read_layout(g, s->be, s->n_max, v->any_gradient && !sweep_mixed(s), b, &v->read);
    v->top = v->read;
    if (sweep_mixed(s))
        vit_read_layout(g, s->down, s->n_max, v->any_gradient, b, &v->top);
    if (v->any_gradient)
        vit_grads_layout(g, s->down, s->n_max, v->any_gamma, b, &v->grads);
    if (v->any_lrp)
        vit_lrp_layout(g, s->down, s->n_max, v->any_first, b, &v->lrp);
    v->lrp.sums = s->be;
    v->map =
        bump_take(b, (size_t)s->n_max * (size_t)g->tokens * (size_t)g->tokens, s->down->real_size);
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
static struct vit_record *recorded(const struct sweep *s, int layer)
{
    struct vit_scores *v = s->scratch;
    if (layer < s->lowest)
        return NULL;
    if (v->kept != NULL)
        return &v->kept[layer - s->lowest];
    return s->be->memory != NULL ? &v->again : NULL;
}

/* Rounds what the way down reads of a block. */
static void round_acts(const struct sweep *s, const struct vit_acts *from, struct vit_acts *to)
{
    const struct geometry *g = &s->model->geo;
    size_t all = (size_t)s->n * (size_t)g->tokens, rows = (size_t)vit_rows(g, from, s->n);
    size_t d = (size_t)g->width, mlp = (size_t)g->mlp;
    const struct {
        const real *from;
        real *to;
        size_t count;
    } arrays[] = {
        { from->y, to->y, all * d },
        { from->qkv, to->qkv, all * 3 * d },
        { g->head_norm ? from->raw : NULL, to->raw, all * 3 * d },
        { from->att, to->att, all * d },
        { from->probs, to->probs, all * (size_t)g->heads * (size_t)g->tokens },
        { from->cls_only ? from->att_cls : NULL, to->att_cls, rows * d },
        { from->proj, to->proj, rows * d },
        { from->x1, to->x1, rows * d },
        { from->y2, to->y2, rows * d },
        { from->fc1, to->fc1, rows * mlp },
        { from->value, to->value, rows * mlp },
        { from->mid, to->mid, rows * mlp },
        { from->fc2, to->fc2, rows * d },
    };
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        if (arrays[i].from != NULL)
            to_single(s, arrays[i].from, arrays[i].to, arrays[i].count);
}

/* q kᵀ, without its scale. */
static void record_scores(const struct sweep *s, const struct vit_acts *full, struct vit_record *r)
{
    const struct vit_scores *v = s->scratch;
    const struct geometry *g = &s->model->geo;
    size_t count = maps_elements(g, s->n);
    if (!v->any_lrp)
        return;
    if (full->cls_only)
        run_zero(s->be, full->probs, v->scores, count);
    for (int i = 0; i < maps_parts(g, s->be, s->n); i++) {
        const struct maps_part m = maps_part(g, s->be, full->cls_only, s->n, i);
        maps_q_k(g, s->be, &m, full->qkv, v->scores);
    }
    to_single(s, v->scores, (real *)(uintptr_t)r->exact.scores, count);
}

static void record_block(struct sweep *s, int layer, const real *x, struct vit_record *r)
{
    struct vit_scores *v = s->scratch;
    const struct geometry *g = &s->model->geo;
    const struct vit_block *w = &weights_of(s)->block[layer];
    r->acts.cls_only = is_last(s, layer);
    if (!sweep_mixed(s)) {
        vit_block_record(g, s->be, w, &r->acts, s->n, x);
        return;
    }
    struct vit_acts full = v->full;
    full.cls_only = r->acts.cls_only;
    full.x_cls = (real *)(uintptr_t)r->exact.x;
    full.proj = (real *)(uintptr_t)r->exact.proj;
    full.x1 = (real *)(uintptr_t)r->exact.x1;
    full.fc2 = (real *)(uintptr_t)r->exact.fc2;
    vit_block_record(g, s->be, w, &full, s->n, x);
    round_acts(s, &full, &r->acts);
    record_scores(s, &full, r);
}

static void forward(struct sweep *s, int layer, real *x)
{
    struct vit_scores *v = s->scratch;
    const struct geometry *g = &s->model->geo;
    struct vit_record *r = recorded(s, layer);
    if (r == NULL) {
        v->plain.cls_only = is_last(s, layer);
        vit_block_forward(g, s->be, &weights_of(s)->block[layer], &v->plain, s->n, x);
        return;
    }
    record_block(s, layer, x, r);
    run_map2(s->be, MAP_ADD, r->exact.x1, r->exact.fc2, x,
             (size_t)vit_rows(g, &r->acts, s->n) * (size_t)g->width, 1.0);
}

static void head(struct sweep *s, const real *x, real *logits)
{
    struct vit_scores *v = s->scratch;
    vit_read_forward(&s->model->geo, s->be, weights_of(s), s->n, x, &v->read, logits);
    if (sweep_mixed(s))
        vit_read_to_single(&s->model->geo, s->be, s->n, &v->read, &v->top);
}

static void record(struct sweep *s, int layer, const real *x)
{
    struct vit_scores *v = s->scratch;
    bool there = v->kept != NULL && layer >= s->lowest && s->recorded;
    struct vit_record *r = there ? &v->kept[layer - s->lowest] : v->kept ? v->kept : &v->again;
    v->w = &down_weights_of(s)->block[layer];
    if (!there)
        record_block(s, layer, x, r);
    v->acts = r->acts;
    v->exact = r->exact;
    if (!r->acts.cls_only)
        v->exact.x = x;
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
        vit_read_lrp(g, s->down, down_weights_of(s), &lrp, s->n, x, &v->top, logits, st->onehot,
                     st->relevance);
    if (!first_lrp(st))
        vit_read_back(g, s->down, down_weights_of(s), &rules, s->n, x, &v->top, logits, st->onehot,
                      st->gradient);
}

static void enter(struct sweep *s, struct stream *st, int layer, const real *x)
{
    const struct vit_scores *v = s->scratch;
    const struct vit_back_rules rules = back_rules(v, st);
    const struct vit_lrp lrp = lrp_of(v, st);
    (void)layer;
    if (!first_lrp(st))
        vit_block_back_probs(&s->model->geo, s->down, v->w, &v->acts, &v->grads, &rules, s->n,
                             st->gradient);
    if (st->lrp)
        vit_block_lrp_probs(&s->model->geo, s->down, v->w, &v->acts, &v->exact, &lrp, s->n, x,
                            st->relevance);
}

static void leave(struct sweep *s, struct stream *st, int layer, const real *x)
{
    const struct vit_scores *v = s->scratch;
    const struct vit_back_rules rules = back_rules(v, st);
    const struct vit_lrp lrp = lrp_of(v, st);
    (void)layer;
    if (!first_lrp(st))
        vit_block_back(&s->model->geo, s->down, v->w, &v->acts, &v->grads, &rules, s->n, x,
                       st->gradient);
    if (st->lrp)
        vit_block_lrp(&s->model->geo, s->down, v->w, &v->acts, &v->exact, &lrp, s->n, x,
                      st->relevance);
}

/* Relevance passes the norm as it is. */
static void below(struct sweep *s, const struct stream *st, const real *tokens, real *g)
{
    const struct vit_back_rules rules = back_rules(s->scratch, st);
    if (!first_lrp(st))
        vit_norm_back(&s->model->geo, s->down, &rules, s->n * s->model->geo.tokens, tokens,
                      down_weights_of(s)->stem.norm_w, st->gradient, false, g);
}

const struct arch_explain vit_explain = {
    .gradients = 1u << GRADIENT_PLAIN | 1u << GRADIENT_LIBRA | 1u << GRADIENT_FIRST_LRP |
                 1u << GRADIENT_ATTNLRP,
    .mixed = 1u << GRADIENT_PLAIN, /* proven by tests/model/test_in_double.c */
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
