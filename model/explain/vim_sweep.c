/* Vim in a sweep: a layer's activations, its gradients, and the scores that methods take from its
 * hidden attention. */
#include <math.h>
#include <stdlib.h>

#include "sweep.h"
#include "vim.h"

enum { SLOTS = 4 }; /* reductions of one layer that are kept: more than any one run asks for */

struct slot {
    bool filled, matrix, own_decay, diagonal;
    enum sign_rule sign;
    enum reduction reduce;
    double *values; /* [n, L] or [n, L, L] */
    double *range;  /* [n, 2] */
};

struct vim_scores {
    struct vim_acts acts;  /* of the layer in hand */
    struct vim_acts *kept; /* [Λ - lowest], or NULL */
    struct vim_acts plain; /* of layers that are not kept */
    struct vim_grads grads;
    const struct vim_layer *w;
    const real *g_out;  /* gradient at the mixer's output; g_gated is grads.gated */
    real *row;          /* [n, L, E] the CLS row, both directions */
    real *row_dir[2];   /* [n, L, E] complete rows of each direction */
    real *reduced;      /* [n, L] */
    real *range;        /* [n, 2] */
    real *matrix;       /* [n, L, L], where a method needs it */
    bool row_filled, row_own_decay, row_diagonal;
    struct slot slots[SLOTS];
    int next_slot;
    double *gradient; /* [n, L] host */
    bool wants_matrix;
};

static const struct vim_weights *weights_of(const struct sweep *s)
{
    return s->weights;
}

static bool uses_matrix(const struct sweep *s)
{
    for (int i = 0; i < s->job_count; i++)
        if (s->jobs[i].rules.full_matrix && !s->jobs[i].method->sums)
            return true;
    return false;
}

/* Bytes of one layer's recorded activations. */
static size_t acts_bytes(const struct sweep *s)
{
    struct vim_acts acts;
    struct bump measure = { 0 };
    vim_acts_layout(&s->model->geo, s->be, s->n_max, true, &measure, &acts);
    return measure.used;
}

static void layout_acts(struct sweep *s, struct bump *b)
{
    struct vim_scores *v = s->scratch;
    const struct geometry *g = &s->model->geo;
    size_t kept = (size_t)(g->depth - s->lowest);
    if (v->kept == NULL && sweep_keeps(s, acts_bytes(s)))
        v->kept = calloc(kept, sizeof *v->kept); /* without it, layers are computed again */
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
    v->row = bump_take(b, inner, size);
    v->row_dir[0] = bump_take(b, inner, size);
    v->row_dir[1] = bump_take(b, inner, size);
    v->reduced = bump_take(b, n * len, size);
    v->range = bump_take(b, n * 2, size);
    v->wants_matrix = uses_matrix(s);
    v->matrix = v->wants_matrix ? bump_take(b, n * len * len, size) : NULL;
}

static bool open_scores(struct sweep *s)
{
    struct vim_scores *v = s->scratch;
    size_t n = (size_t)s->n_max, len = (size_t)s->model->geo.tokens;
    size_t values = n * len * (v->wants_matrix ? len : 1);
    s->view.vim = v;
    v->gradient = calloc(n * len, sizeof *v->gradient);
    bool ok = v->gradient != NULL;
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
    const struct vim_layer *w = &weights_of(s)->layer[layer];
    bool keep = v->kept != NULL && layer >= s->lowest;
    const struct vim_acts *a = keep ? &v->kept[layer - s->lowest] : &v->plain;
    vim_layer_inner(&s->model->geo, s->be, w, a, s->n, x);
    vim_layer_close(&s->model->geo, s->be, w, a, s->n, x);
}

static void head(struct sweep *s, const real *x, real *logits)
{
    const struct vim_scores *v = s->scratch;
    vim_head(&s->model->geo, s->be, weights_of(s), s->n, x, v->plain.xn, logits);
}

static struct hidden_row_args row_args(const struct geometry *g, const struct vim_scores *v, int n)
{
    struct hidden_row_args a = { .n = n, .len = g->tokens, .chan = g->inner,
                                 .state = g->state, .rank = g->rank, .row = g->cls_at,
                                 .own_decay = true, .diagonal = true };
    for (int k = 0; k < 2; k++)
        a.dir[k] = (struct attn_dir){ .delta = v->acts.delta[k], .xdbl = v->acts.xdbl[k],
                                      .a = v->w->dir[k].a };
    return a;
}

/* SPEC 4's identity at the CLS row, both directions: keeps each image's largest relative error. */
static void check_identity(struct sweep *s, struct vim_scores *v)
{
    const struct geometry *g = &s->model->geo;
    for (int k = 0; k < 2; k++) {
        struct hidden_row_args row = row_args(g, v, s->n);
        row.dir[1 - k].delta = NULL;
        row.out = v->row_dir[k];
        s->be->op.hidden_row(s->be, &row);
        const struct hidden_identity_args id = { .n = s->n, .len = g->tokens, .chan = g->inner,
                                                 .row = g->cls_at, .v = v->row_dir[k],
                                                 .u = v->acts.u[k], .y = v->acts.y[k],
                                                 .d = v->w->dir[k].d, .out = v->range };
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
    v->w = &weights_of(s)->layer[layer];
    v->row_filled = false;
    v->next_slot = 0;
    for (int i = 0; i < SLOTS; i++)
        v->slots[i].filled = false;
    if (v->kept != NULL)
        v->acts = v->kept[layer >= s->lowest ? layer - s->lowest : 0];
    if (v->kept == NULL || !s->recorded || layer < s->lowest)
        vim_layer_inner(&s->model->geo, s->be, v->w, &v->acts, s->n, x);
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
    vim_head_back(&s->model->geo, s->be, weights_of(s), &rules, s->n, x, st->onehot, v->grads.xn,
                  st->gradient);
}

static void enter(struct sweep *s, struct stream *st, int layer, const real *x)
{
    struct vim_scores *v = s->scratch;
    (void)layer;
    (void)x;
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

const struct sweep_arch vim_sweep = {
    .scratch_size = sizeof(struct vim_scores),
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
    be_read_doubles(view->be, slot->range, view->vim->range, 2 * (size_t)view->n);
    slot->filled = true;
}

static void fill_row(struct layer_view *view, const struct rules *r)
{
    struct vim_scores *v = view->vim;
    const struct geometry *g = view->geo;
    if (v->row_filled && v->row_own_decay == r->own_decay && v->row_diagonal == r->diagonal)
        return;
    struct hidden_row_args a = row_args(g, v, view->n);
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
    const struct channel_reduce_args a = { .n = view->n, .len = view->geo->tokens,
                                           .chan = view->geo->inner, .v = row, .sign = sign,
                                           .reduce = reduce, .out = view->vim->reduced,
                                           .range = view->vim->range };
    view->be->op.channel_reduce(view->be, &a);
}

double *vim_row_scores(struct layer_view *view, const struct rules *r, enum sign_rule sign,
                       const double **range)
{
    const struct slot key = { .own_decay = r->own_decay, .diagonal = r->diagonal, .sign = sign,
                              .reduce = r->aggregate };
    struct slot *slot = find_slot(view->vim, &key);
    if (!slot->filled) {
        fill_row(view, r);
        reduce_row(view, view->vim->row, sign, r->aggregate);
        download(view, slot, view->vim->reduced, (size_t)view->geo->tokens);
    }
    *range = slot->range;
    return slot->values;
}

static void run_matrix(struct layer_view *view, struct hidden_matrix_args *a)
{
    struct vim_scores *v = view->vim;
    const struct geometry *g = view->geo;
    a->n = view->n;
    a->len = g->tokens;
    a->chan = g->inner;
    a->state = g->state;
    a->rank = g->rank;
    a->out = v->matrix;
    a->range = v->range;
    for (int k = 0; k < 2; k++)
        a->dir[k] = (struct attn_dir){ .delta = v->acts.delta[k], .xdbl = v->acts.xdbl[k],
                                       .a = v->w->dir[k].a };
    view->be->op.hidden_matrix(view->be, a);
}

double *vim_matrix_scores(struct layer_view *view, const struct rules *r, enum sign_rule sign,
                          const double **range)
{
    struct vim_scores *v = view->vim;
    const struct geometry *g = view->geo;
    const struct slot key = { .matrix = true, .own_decay = r->own_decay, .diagonal = r->diagonal,
                              .sign = sign, .reduce = r->aggregate };
    struct slot *slot = find_slot(v, &key);
    if (!slot->filled) {
        struct hidden_matrix_args a = { .own_decay = r->own_decay, .diagonal = r->diagonal,
                                        .sign = sign, .reduce = r->aggregate };
        run_matrix(view, &a);
        download(view, slot, v->matrix, (size_t)g->tokens * (size_t)g->tokens);
    }
    *range = slot->range;
    return slot->values;
}

double *vim_unified_scores(struct layer_view *view)
{
    struct vim_scores *v = view->vim;
    const struct geometry *g = view->geo;
    for (int k = 0; k < 2; k++) {
        const struct unified_row_args a = { .n = view->n, .len = g->tokens, .chan = g->inner,
                                            .taps = g->taps, .row = g->cls_at, .direction = k,
                                            .v = v->row_dir[k], .pre = v->acts.pre[k],
                                            .w = v->w->dir[k].conv_w,
                                            .z = be_at(view->be, v->acts.xz, (size_t)g->inner),
                                            .ldz = 2 * (size_t)g->inner, .accumulate = k == 1,
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
    struct vim_scores *v = view->vim;
    size_t rows = (size_t)view->n * (size_t)view->geo->tokens;
    const struct row_reduce_args a = { .stat = stat, .rows = rows, .cols = cols, .x = x,
                                       .out = v->reduced };
    view->be->op.row_reduce(view->be, &a);
    be_read_doubles(view->be, v->gradient, v->reduced, rows);
    return v->gradient;
}

double *vim_column_gradient(struct layer_view *view)
{
    return reduce_gradient(view, ROW_MAX_POS, view->geo->width, view->vim->g_out);
}

double *vim_row_gradient(struct layer_view *view)
{
    return reduce_gradient(view, ROW_MEAN, view->geo->inner, view->vim->grads.gated);
}

real *vim_row_buffer(struct layer_view *view)
{
    return view->vim->reduced;
}

const real *vim_cls_row(struct sweep *s, int direction)
{
    const struct vim_scores *v = s->scratch;
    return v->row_dir[direction];
}

const real *vim_matrix(struct sweep *s, int channel)
{
    struct hidden_matrix_args a = { .own_decay = true, .diagonal = true, .reduce = REDUCE_MEAN,
                                    .chan_first = channel < 0 ? 0 : channel,
                                    .chan_count = channel < 0 ? 0 : 1 };
    run_matrix(&s->view, &a);
    return s->view.vim->matrix;
}
