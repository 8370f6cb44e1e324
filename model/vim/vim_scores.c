/* Scores that methods take from a Vim's hidden attention in a sweep. */
#include "vim_scores.h"
#include "vim_sweep.h"

static struct vim_scores *own(const struct layer_view *view)
{
    return view->own;
}

static struct slot *find_slot(struct vim_scores *v, const struct slot *key)
{
    for (int i = 0; i < SLOTS; i++) {
        const struct slot *o = &v->slots[i];
        if (o->filled && o->matrix == key->matrix && o->own_decay == key->own_decay &&
            o->diagonal == key->diagonal && o->sign == key->sign && o->reduce == key->reduce)
            return &v->slots[i];
    }
    struct slot *o = &v->slots[v->next_slot++ % SLOTS];
    double *values = o->values, *range = o->range;
    *o = *key;
    o->values = values;
    o->range = range;
    return o;
}

static void download(struct layer_view *view, struct slot *slot, const real *values, size_t count)
{
    be_read_doubles(view->be, slot->values, values, (size_t)view->n * count);
    be_read_doubles(view->be, slot->range, own(view)->range, 2 * (size_t)view->n);
    slot->filled = true;
}

static void fill_row(struct layer_view *view, const struct rules *r)
{
    struct vim_scores *v = own(view);
    const struct geometry *g = view->geo;
    if (v->row_filled && v->row_own_decay == r->own_decay && v->row_diagonal == r->diagonal)
        return;
    struct hidden_row_args a = vim_row_args(g, v, view->n);
    a.own_decay = r->own_decay;
    a.diagonal = r->diagonal;
    a.out = v->row;
    view->be->op.hidden_row(view->be, &a);
    v->row_filled = true;
    v->row_own_decay = r->own_decay;
    v->row_diagonal = r->diagonal;
}

static void reduce_row(struct layer_view *view, const real *row, enum sign_rule sign,
                       enum reduction reduce)
{
    const struct channel_reduce_args a = { .n = view->n,
                                           .len = view->geo->tokens,
                                           .chan = view->geo->inner,
                                           .v = row,
                                           .sign = sign,
                                           .reduce = reduce,
                                           .out = own(view)->reduced,
                                           .range = own(view)->range };
    view->be->op.channel_reduce(view->be, &a);
}

double *vim_row_scores(struct layer_view *view, const struct rules *r, enum sign_rule sign,
                       const double **range)
{
    const struct slot key = {
        .own_decay = r->own_decay, .diagonal = r->diagonal, .sign = sign, .reduce = r->aggregate
    };
    struct slot *slot = find_slot(own(view), &key);
    if (!slot->filled) {
        fill_row(view, r);
        reduce_row(view, own(view)->row, sign, r->aggregate);
        download(view, slot, own(view)->reduced, (size_t)view->geo->tokens);
    }
    *range = slot->range;
    return slot->values;
}

void vim_run_matrix(struct layer_view *view, struct hidden_matrix_args *a)
{
    struct vim_scores *v = own(view);
    const struct geometry *g = view->geo;
    a->n = view->n;
    a->len = g->tokens;
    a->chan = g->inner;
    a->state = g->state;
    a->rank = g->rank;
    a->out = v->matrix;
    a->range = v->range;
    for (int k = 0; k < 2; k++)
        a->dir[k] = (struct attn_dir){ .delta = v->acts.delta[k],
                                       .xdbl = v->acts.xdbl[k],
                                       .a = v->w->dir[k].a };
    view->be->op.hidden_matrix(view->be, a);
}

double *vim_matrix_scores(struct layer_view *view, const struct rules *r, enum sign_rule sign,
                          const double **range)
{
    struct vim_scores *v = own(view);
    const struct geometry *g = view->geo;
    const struct slot key = { .matrix = true,
                              .own_decay = r->own_decay,
                              .diagonal = r->diagonal,
                              .sign = sign,
                              .reduce = r->aggregate };
    struct slot *slot = find_slot(v, &key);
    if (!slot->filled) {
        struct hidden_matrix_args a = {
            .own_decay = r->own_decay, .diagonal = r->diagonal, .sign = sign, .reduce = r->aggregate
        };
        vim_run_matrix(view, &a);
        download(view, slot, v->matrix, (size_t)g->tokens * (size_t)g->tokens);
    }
    *range = slot->range;
    return slot->values;
}

double *vim_unified_scores(struct layer_view *view)
{
    struct vim_scores *v = own(view);
    const struct geometry *g = view->geo;
    for (int k = 0; k < 2; k++) {
        const struct unified_row_args a = { .n = view->n,
                                            .len = g->tokens,
                                            .chan = g->inner,
                                            .taps = g->taps,
                                            .row = vim_row(g),
                                            .direction =
                                                g->shared_conv ? 0 : k, /* of the convolution */
                                            .v = v->row_dir[k],
                                            .pre = v->acts.pre[k],
                                            .w = v->w->dir[k].conv_w,
                                            .z = be_at(view->be, v->acts.xz, (size_t)g->inner),
                                            .ldz = 2 * (size_t)g->inner,
                                            .accumulate = k == 1,
                                            .out = v->row };
        view->be->op.unified_row(view->be, &a);
    }
    v->row_filled = false; /* the scratch was taken */
    reduce_row(view, v->row, SIGN_CLAMP, REDUCE_MEAN);
    be_read_doubles(view->be, view->host, v->reduced, (size_t)view->n * (size_t)g->tokens);
    return view->host;
}

static double *reduce_gradient(struct layer_view *view, enum row_stat stat, int cols, const real *x)
{
    struct vim_scores *v = own(view);
    size_t rows = (size_t)view->n * (size_t)view->geo->tokens;
    const struct row_reduce_args a = {
        .stat = stat, .rows = rows, .cols = cols, .x = x, .out = v->reduced
    };
    view->be->op.row_reduce(view->be, &a);
    be_read_doubles(view->be, v->gradient, v->reduced, rows);
    return v->gradient;
}

double *vim_column_gradient(struct layer_view *view)
{
    return reduce_gradient(view, ROW_MAX_POS, view->geo->width, own(view)->g_out);
}

double *vim_row_gradient(struct layer_view *view)
{
    double *q = reduce_gradient(view, ROW_MEAN, view->geo->inner, own(view)->grads.gated);
    size_t rows = (size_t)view->n * (size_t)view->geo->tokens;
    for (size_t i = 0; i < rows && view->geo->undivided; i++)
        q[i] /= 2; /* of the sum, which is twice what the operation hands to W_out */
    return q;
}

double *vim_influence(struct layer_view *view, bool gramian)
{
    struct vim_scores *v = own(view);
    const struct geometry *g = view->geo;
    struct scan_influence_args a = { .n = view->n,
                                     .len = g->tokens,
                                     .chan = g->inner,
                                     .state = g->state,
                                     .rank = g->rank,
                                     .gramian = gramian,
                                     .out = v->reduced };
    for (int k = 0; k < 2; k++) {
        a.dir[k].delta = v->acts.delta[k];
        a.dir[k].xdbl = v->acts.xdbl[k];
        a.dir[k].a = v->w->dir[k].a;
    }
    view->be->op.scan_influence(view->be, &a);
    be_read_doubles(view->be, v->gradient, v->reduced, (size_t)view->n * (size_t)g->tokens);
    return v->gradient;
}

const real *vim_mixer_output(struct layer_view *view)
{
    const struct vim_scores *v = own(view);
    const struct geometry *g = view->geo;
    run_linear(view->be, v->w->out_proj, NULL, view->n * g->tokens, v->acts.gated, (size_t)g->inner,
               v->grads.xn, (size_t)g->width);
    return v->grads.xn;
}

const real *vim_mixer_gradient(const struct layer_view *view)
{
    return own(view)->g_out;
}

const real *vim_normed(const struct layer_view *view)
{
    return own(view)->acts.xn;
}

const real *vim_normed_gradient(const struct layer_view *view)
{
    return own(view)->grads.xn;
}

void vim_rollout(struct layer_view *view, const struct rules *r, struct track *track, double *k)
{
    int len = view->geo->tokens;
    size_t count = (size_t)len * (r->full_matrix ? (size_t)len : 1);
    discard_smallest(k, count, r->discard, view->host);
    if (r->full_matrix)
        rollout_matrix(track, k, len, r->row_norm);
    else
        rollout_row(track, k, len, r->row_norm);
}
