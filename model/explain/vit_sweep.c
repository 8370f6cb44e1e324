/* ViT in a sweep: a block's activations, gradients and relevance, and its attention maps. */
#include <stdlib.h>

#include "sweep.h"
#include "vit.h"

struct vit_scores {
    struct vit_acts acts;  /* of the block in hand */
    struct vit_acts *kept; /* [Λ - lowest], or NULL */
    struct vit_acts plain; /* of blocks below the lowest */
    real *normed;          /* [n, D] what the head saw */
    struct vit_grads grads;
    struct vit_lrp lrp;
    const struct vit_block *w;
    real *map; /* [n, L, L] mean over heads */
    bool any_gradient, any_lrp;
};

static const struct vit_weights *weights_of(const struct sweep *s)
{
    return s->weights;
}

/* Bytes of one block's recorded activations. */
static size_t acts_bytes(const struct sweep *s)
{
    struct vit_acts acts;
    struct bump measure = { 0 };
    vit_acts_layout(&s->model->geo, s->be, s->n_max, true, &measure, &acts);
    return measure.used;
}

static void layout(struct sweep *s, struct bump *b)
{
    struct vit_scores *v = s->scratch;
    const struct geometry *g = &s->model->geo;
    size_t kept = (size_t)(g->depth - s->lowest);
    for (int i = 0; i < s->stream_count; i++) {
        v->any_gradient = true;
        v->any_lrp = v->any_lrp || s->streams[i].lrp;
    }
    if (v->kept == NULL && sweep_keeps(s, acts_bytes(s)))
        v->kept = calloc(kept, sizeof *v->kept); /* without it, blocks are computed again */
    for (size_t i = 0; v->kept != NULL && i < kept; i++)
        vit_acts_layout(g, s->be, s->n_max, true, b, &v->kept[i]);
    if (v->kept == NULL)
        vit_acts_layout(g, s->be, s->n_max, true, b, &v->acts);
    vit_acts_layout(g, s->be, s->n_max, false, b, &v->plain);
    v->normed = bump_take(b, (size_t)s->n_max * (size_t)g->width, s->be->real_size);
    if (v->any_gradient)
        vit_grads_layout(g, s->be, s->n_max, b, &v->grads);
    if (v->any_lrp)
        vit_lrp_layout(g, s->be, s->n_max, b, &v->lrp);
    v->map = bump_take(b, (size_t)s->n_max * (size_t)g->tokens * (size_t)g->tokens,
                       s->be->real_size);
}

static bool open_scores(struct sweep *s)
{
    s->view.vit = s->scratch;
    return true;
}

static void close_scores(struct sweep *s)
{
    free(((struct vit_scores *)s->scratch)->kept);
}

static bool is_last(const struct sweep *s, int layer)
{
    return layer == s->model->geo.depth - 1;
}

static void forward(struct sweep *s, int layer, real *x)
{
    struct vit_scores *v = s->scratch;
    const struct geometry *g = &s->model->geo;
    const struct vit_block *w = &weights_of(s)->block[layer];
    if (v->kept == NULL || layer < s->lowest) {
        v->plain.cls_only = is_last(s, layer);
        vit_block_forward(g, s->be, w, &v->plain, s->n, x);
        return;
    }
    struct vit_acts *a = &v->kept[layer - s->lowest];
    a->cls_only = is_last(s, layer);
    vit_block_record(g, s->be, w, a, s->n, x);
    run_map2(s->be, MAP_ADD, a->x1, a->fc2, x, (size_t)vit_rows(g, a, s->n) * (size_t)g->width,
             1.0);
}

static void head(struct sweep *s, const real *x, real *logits)
{
    const struct vit_scores *v = s->scratch;
    vit_head(&s->model->geo, s->be, weights_of(s), s->n, x, v->normed, logits);
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

static void top(struct sweep *s, struct stream *st, const real *x, const real *logits)
{
    const struct vit_scores *v = s->scratch;
    if (st->lrp)
        vit_head_lrp(s->be, weights_of(s), &v->lrp, s->n, v->normed, logits, st->onehot,
                     st->relevance);
    vit_head_back(&s->model->geo, s->be, weights_of(s), s->n, x, st->onehot, v->grads.d1,
                  st->gradient);
}

static void enter(struct sweep *s, struct stream *st, int layer, const real *x)
{
    const struct vit_scores *v = s->scratch;
    (void)layer;
    vit_block_back_probs(&s->model->geo, s->be, v->w, &v->acts, &v->grads, s->n, st->gradient);
    if (st->lrp)
        vit_block_lrp_probs(&s->model->geo, s->be, v->w, &v->acts, &v->lrp, s->n, x,
                            st->relevance);
}

static void leave(struct sweep *s, struct stream *st, int layer, const real *x)
{
    const struct vit_scores *v = s->scratch;
    (void)layer;
    vit_block_back(&s->model->geo, s->be, v->w, &v->acts, &v->grads, s->n, x, st->gradient);
    if (st->lrp)
        vit_block_lrp(&s->model->geo, s->be, v->w, &v->acts, &v->lrp, s->n, x, st->relevance);
}

const struct sweep_arch vit_sweep = {
    .scratch_size = sizeof(struct vit_scores),
    .layout = layout,
    .open = open_scores,
    .close = close_scores,
    .forward = forward,
    .head = head,
    .record = record,
    .top = top,
    .enter = enter,
    .leave = leave,
};

/* ---- scores ---- */

static const real *mean_over_heads(struct layer_view *view, const real *a, const real *b)
{
    const struct head_mean_args h = { .n = view->n, .heads = view->geo->heads,
                                      .len = view->geo->tokens, .a = a, .b = b,
                                      .out = view->vit->map };
    view->be->op.head_mean(view->be, &h);
    return h.out;
}

const real *vit_attention_map(struct layer_view *view)
{
    return mean_over_heads(view, view->vit->acts.probs, NULL);
}

const real *vit_weighted_map(struct layer_view *view)
{
    return mean_over_heads(view, view->vit->grads.probs, view->vit->lrp.probs);
}

void vit_rollout(struct layer_view *view, const struct rules *r, struct track *tracks,
                 const real *maps)
{
    int len = view->geo->tokens;
    size_t count = (size_t)len * (size_t)len;
    if (view->rolled != NULL) {
        const struct rollout_args a = { .n = view->n, .len = len, .k = maps,
                                        .row_norm = r->row_norm, .v = view->rolled->v,
                                        .zero = view->rolled->zero };
        view->be->op.rollout(view->be, &a);
        return;
    }
    be_read_doubles(view->be, view->host, maps, (size_t)view->n * count);
    for (int i = 0; i < view->n; i++) {
        double *k = view->host + (size_t)i * count;
        discard_smallest(k, count, r->discard, view->host2);
        rollout_matrix(&tracks[i], k, len, r->row_norm);
    }
}

const real *vit_matrix(struct sweep *s, int head)
{
    const struct vit_scores *v = s->scratch;
    size_t len = (size_t)s->model->geo.tokens;
    if (head >= 0)
        return be_at(s->be, v->acts.probs, (size_t)head * len * len);
    return vit_attention_map(&s->view);
}

const real *vit_relevance(struct sweep *s)
{
    return ((const struct vit_scores *)s->scratch)->lrp.probs;
}
