/* Maps that methods take from a ViT's block in a sweep. */
#include "vit_scores.h"
#include "vit_sweep.h"

static const struct vit_scores *own(const struct layer_view *view)
{
    return view->own;
}

static const real *mean_over_heads(struct layer_view *view, const real *a, const real *b)
{
    const struct head_mean_args h = { .n = view->n,
                                      .heads = view->geo->heads,
                                      .len = view->geo->tokens,
                                      .a = a,
                                      .b = b,
                                      .out = own(view)->map };
    view->be->op.head_mean(view->be, &h);
    return h.out;
}

const real *vit_attention_map(struct layer_view *view)
{
    return mean_over_heads(view, own(view)->acts.probs, NULL);
}

const real *vit_weighted_map(struct layer_view *view)
{
    return mean_over_heads(view, own(view)->grads.probs, own(view)->lrp.probs);
}

const real *vit_gradient_map(struct layer_view *view)
{
    return mean_over_heads(view, own(view)->acts.probs, own(view)->grads.probs);
}

void vit_cls_rows(struct layer_view *view, int image, double *attention, double *gradient)
{
    const struct vit_scores *v = own(view);
    size_t len = (size_t)view->geo->tokens, heads = (size_t)view->geo->heads;
    for (size_t h = 0; h < heads; h++) {
        size_t at = (((size_t)image * heads + h) * len + (size_t)view->geo->cls_at) * len;
        be_read_doubles(view->be, attention + h * len, be_at(view->be, v->acts.probs, at), len);
        be_read_doubles(view->be, gradient + h * len, be_at(view->be, v->grads.probs, at), len);
    }
}

void vit_cls_relevance(struct layer_view *view, int image, double *relevance)
{
    size_t len = (size_t)view->geo->tokens, heads = (size_t)view->geo->heads;
    for (size_t h = 0; h < heads; h++) {
        size_t at = (((size_t)image * heads + h) * len + (size_t)view->geo->cls_at) * len;
        be_read_doubles(view->be, relevance + h * len, be_at(view->be, own(view)->lrp.probs, at),
                        len);
    }
}

const real *vit_normed(const struct layer_view *view)
{
    return own(view)->acts.y;
}

const real *vit_normed_gradient(const struct layer_view *view)
{
    return own(view)->grads.d2;
}

void vit_rollout(struct layer_view *view, const struct rules *r, struct track *tracks,
                 const real *maps)
{
    int len = view->geo->tokens;
    size_t count = (size_t)len * (size_t)len;
    if (view->rolled != NULL) {
        const struct rollout_args a = { .n = view->n,
                                        .len = len,
                                        .k = maps,
                                        .row_norm = r->row_norm,
                                        .v = view->rolled->v,
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
