/* Vim in a sweep: a layer's activations, its gradients, and the scores that methods take from its
 * hidden attention. */
#include <math.h>
#include <stdlib.h>

#include "rotate.h"
#include "vim_sweep.h"

static bool uses_matrix(const struct sweep *s)
{
    for (int i = 0; i < s->job_count; i++)
        if (s->jobs[i].rules.full_matrix &&
            (!(s->jobs[i].method->traits & METHOD_SUMS) || s->model->geo.readout != READ_TOKEN))
            return true;
    return false;
}

static void layout_layer(const struct sweep *s, struct bump *b)
{
    struct vim_acts acts;
    vim_acts_layout(&s->model->geo, s->be, s->n_max, true, b, &acts);
}

static void layout_acts(struct sweep *s, struct bump *b)
{
    struct vim_scores *v = s->scratch;
    const struct geometry *g = &s->model->geo;
    size_t kept = (size_t)(g->depth - s->lowest);
    for (size_t i = 0; v->kept != NULL && i < kept; i++)
        vim_acts_layout(g, s->be, s->n_max, true, b, &v->kept[i]);
    if (v->kept != NULL) {
        vim_acts_layout(g, s->be, s->n_max, false, b, &v->plain);
        return;
    }
    vim_acts_layout(g, s->be, s->n_max, true, b, &v->acts);
    v->plain = v->acts;
    for (int k = 0; k < 2; k++)
        v->plain.pre[k] = v->plain.delta[k] = v->plain.y[k] = NULL;
}

static void layout(struct sweep *s, struct bump *b)
{
    struct vim_scores *v = s->scratch;
    const struct geometry *g = &s->model->geo;
    size_t n = (size_t)s->n_max, len = (size_t)g->tokens, size = s->be->real_size;
    size_t inner = n * len * (size_t)g->inner;
    layout_acts(s, b);
    vim_grads_layout(g, s->be, s->n_max, b, &v->grads);
    if (g->readout != READ_TOKEN)
        vim_read_layout(g, s->be, s->n_max, true, b, &v->read);
    v->row = bump_take(b, inner, size);
    v->row_dir[0] = bump_take(b, inner, size);
    v->row_dir[1] = bump_take(b, inner, size);
    v->reduced = bump_take(b, n * len, size);
    v->range = bump_take(b, n * 2, size);
    v->matrix = v->wants_matrix ? bump_take(b, n * len * len, size) : NULL;
}

static bool open_scores(struct sweep *s)
{
    struct vim_scores *v = s->scratch;
    size_t n = (size_t)s->n_max, len = (size_t)s->model->geo.tokens;
    v->wants_matrix = uses_matrix(s);
    size_t values = n * len * (v->wants_matrix ? len : 1);
    if (s->keeps)
        v->kept = calloc((size_t)(s->model->geo.depth - s->lowest), sizeof *v->kept);
    v->gradient = calloc(n * len, sizeof *v->gradient);
    bool ok = v->gradient != NULL && (!s->keeps || v->kept != NULL);
    for (int i = 0; i < SLOTS; i++) {
        v->slots[i].values = calloc(values, sizeof *v->slots[i].values);
        v->slots[i].range = calloc(2 * n, sizeof *v->slots[i].range);
        ok = ok && v->slots[i].values != NULL && v->slots[i].range != NULL;
    }
    return ok;
}

static void close_scores(struct sweep *s)
{
    struct vim_scores *v = s->scratch;
    for (int i = 0; i < SLOTS; i++) {
        free(v->slots[i].values);
        free(v->slots[i].range);
    }
    free(v->gradient);
    free(v->kept);
}

/* ---- passes ---- */

static void forward(struct sweep *s, int layer, real *x)
{
    const struct vim_scores *v = s->scratch;
    const struct vim_layer *w = &vim_weights_of(s)->layer[layer];
    bool keep = v->kept != NULL && layer >= s->lowest;
    const struct vim_acts *a = keep ? &v->kept[layer - s->lowest] : &v->plain;
    vim_layer_inner(&s->model->geo, s->be, w, a, s->n, x);
    vim_layer_close(&s->model->geo, s->be, w, a, s->n, x);
    if (layer < s->model->geo.depth - 1)
        vim_between(&s->model->geo, s->be, vim_weights_of(s), &v->plain, s->n, x);
}

static void head(struct sweep *s, const real *x, real *logits)
{
    const struct vim_scores *v = s->scratch;
    const struct geometry *g = &s->model->geo;
    if (g->readout == READ_TOKEN)
        vim_head(g, s->be, vim_weights_of(s), s->n, x, v->plain.xn, logits);
    else
        vim_read_forward(g, s->be, vim_weights_of(s), s->n, x, &v->read, logits);
}

struct hidden_row_args vim_row_args(const struct geometry *g, const struct vim_scores *v, int n)
{
    struct hidden_row_args a = { .n = n,
                                 .len = g->tokens,
                                 .chan = g->inner,
                                 .state = g->state,
                                 .rank = g->rank,
                                 .row = vim_row(g),
                                 .own_decay = true,
                                 .diagonal = true };
    for (int k = 0; k < 2; k++)
        a.dir[k] = (struct attn_dir){ .delta = v->acts.delta[k],
                                      .xdbl = v->acts.xdbl[k],
                                      .a = v->w->dir[k].a };
    return a;
}

/* SPEC 4's identity at the CLS row, both directions: keeps each image's largest relative error. */
static void check_identity(struct sweep *s, struct vim_scores *v)
{
    const struct geometry *g = &s->model->geo;
    for (int k = 0; k < 2; k++) {
        struct hidden_row_args row = vim_row_args(g, v, s->n);
        row.dir[1 - k].delta = NULL;
        row.out = v->row_dir[k];
        s->be->op.hidden_row(s->be, &row);
        const struct hidden_identity_args id = { .n = s->n,
                                                 .len = g->tokens,
                                                 .chan = g->inner,
                                                 .row = vim_row(g),
                                                 .v = v->row_dir[k],
                                                 .u = v->acts.u[k],
                                                 .y = v->acts.y[k],
                                                 .d = v->w->dir[k].d,
                                                 .out = v->range };
        s->be->op.hidden_identity(s->be, &id);
        double *pair = v->slots[0].range; /* free: slots start empty at every layer */
        be_read_doubles(s->be, pair, v->range, 2 * (size_t)s->n);
        for (int i = 0; i < s->n; i++) {
            double size = pair[2 * i + 1] > 0 ? pair[2 * i + 1] : 1;
            double error = pair[2 * i] / size;
            if (!(error <= s->identity[i])) /* also replaces the NaN of "none yet" */
                s->identity[i] = (float)error;
        }
    }
}

static void record(struct sweep *s, int layer, const real *x)
{
    struct vim_scores *v = s->scratch;
    v->w = &vim_weights_of(s)->layer[layer];
    v->row_filled = false;
    v->next_slot = 0;
    for (int i = 0; i < SLOTS; i++)
        v->slots[i].filled = false;
    if (v->kept != NULL)
        v->acts = v->kept[layer >= s->lowest ? layer - s->lowest : 0];
    if (v->kept == NULL || !s->recorded || layer < s->lowest)
        vim_layer_inner(&s->model->geo, s->be, v->w, &v->acts, s->n, x);
    if (!s->at_samples) /* it is told of images */
        check_identity(s, v);
}

static struct vim_back_rules back_rules(const struct stream *st)
{
    bool lrp = st->kind == GRADIENT_MAMBALRP;
    return (struct vim_back_rules){ lrp, lrp, lrp, lrp };
}

static void top(struct sweep *s, struct stream *st, const real *x, const real *logits)
{
    const struct vim_scores *v = s->scratch;
    const struct vim_back_rules rules = back_rules(st);
    (void)logits;
    if (s->model->geo.readout != READ_TOKEN) {
        vim_read_back(&s->model->geo, s->be, vim_weights_of(s), &rules, s->n, x, &v->read,
                      st->onehot, st->gradient);
        return;
    }
    vim_head_back(&s->model->geo, s->be, vim_weights_of(s), &rules, s->n, x, st->onehot,
                  v->grads.xn, st->gradient);
}

static void enter(struct sweep *s, struct stream *st, int layer, const real *x)
{
    struct vim_scores *v = s->scratch;
    (void)x;
    if (s->model->geo.rope && layer < s->model->geo.depth - 1)
        rotate_tokens(&s->model->geo, s->be, vim_weights_of(s)->stem.rotation, true, s->n,
                      st->gradient, v->grads.xn);
    v->g_out = st->gradient;
    vim_layer_back_gated(&s->model->geo, s->be, v->w, &v->grads, s->n, st->gradient);
}

static void leave(struct sweep *s, struct stream *st, int layer, const real *x)
{
    struct vim_scores *v = s->scratch;
    const struct vim_back_rules rules = back_rules(st);
    (void)layer;
    vim_layer_back(&s->model->geo, s->be, v->w, &v->acts, &v->grads, &rules, s->n, x, st->gradient);
}

static void below(struct sweep *s, const struct stream *st, const real *tokens, real *g)
{
    const struct geometry *geo = &s->model->geo;
    const struct vim_scores *v = s->scratch;
    (void)tokens;
    run_copy(s->be, st->gradient, g, (size_t)s->n * (size_t)geo->tokens * (size_t)geo->width);
    rotate_tokens(geo, s->be, vim_weights_of(s)->stem.rotation, true, s->n, g, v->grads.xn);
}

const struct arch_explain vim_explain = {
    .gradients = 1u << GRADIENT_PLAIN | 1u << GRADIENT_MAMBALRP,
    .switches = EXPLAIN_ALL_SWITCHES & ~(EXPLAIN_BACKWARD | EXPLAIN_ATTNLRP),
    .rules = vim_rules,
    .check = vim_check,
    .scratch = { sizeof(struct vim_scores), open_scores, close_scores, layout, layout_layer },
    .forward = forward,
    .head = head,
    .record = record,
    .top = top,
    .enter = enter,
    .leave = leave,
    .below = below,
    .attention = &vim_attention,
};
