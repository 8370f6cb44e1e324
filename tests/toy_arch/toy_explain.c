/* What explanations see of the toy: `raw` is how much every token agrees with the mean of them. */
#include "toy.h"

struct toy_scores {
    real *mean;  /* [n, L, D] of the layer in hand */
    real *agree; /* [n, L] */
    const real *x;
};

static void raw_layer(struct layer_view *view, const struct rules *r, struct track *tracks)
{
    const struct toy_scores *t = view->own;
    size_t len = (size_t)view->geo->tokens;
    const struct row_reduce_args dot = { .stat = ROW_DOT,
                                         .rows = (size_t)view->n * len,
                                         .cols = view->geo->width,
                                         .x = t->x,
                                         .y = t->mean,
                                         .out = t->agree };
    (void)r;
    if (view->layer != view->geo->depth - 1)
        return;
    view->be->op.row_reduce(view->be, &dot);
    for (int i = 0; i < view->n; i++)
        be_read_doubles(view->be, tracks[i].v, be_at(view->be, t->agree, (size_t)i * len), len);
}

static const struct arch_method methods[] = { { "raw", { .layer = raw_layer } }, { 0 } };

static void rules(const struct geometry *g, bool paper, const struct method_functions *f,
                  struct rules *out)
{
    (void)g;
    (void)paper;
    (void)f;
    *out = (struct rules){ 0 };
}

static bool open(struct sweep *s)
{
    (void)s;
    return true;
}

static void close(struct sweep *s)
{
    (void)s;
}

static void layout(struct sweep *s, struct bump *b)
{
    struct toy_scores *t = s->scratch;
    size_t rows = (size_t)s->n_max * (size_t)s->model->geo.tokens;
    t->mean = bump_take(b, rows * (size_t)s->model->geo.width, s->be->real_size);
    t->agree = bump_take(b, rows, s->be->real_size);
}

static void forward(struct sweep *s, int layer, real *x)
{
    struct toy_scores *t = s->scratch;
    toy_average(&s->model->geo, s->be, s->weights, s->n, x, t->mean);
    toy_add(&s->model->geo, s->be, s->weights, layer, s->n, t->mean, x);
}

static void head(struct sweep *s, const real *x, real *logits)
{
    toy_head(&s->model->geo, s->be, s->weights, s->n, x, logits);
}

static void record(struct sweep *s, int layer, const real *x)
{
    struct toy_scores *t = s->scratch;
    (void)layer;
    t->x = x;
    toy_average(&s->model->geo, s->be, s->weights, s->n, x, t->mean);
}

const struct arch_explain toy_explain = {
    .methods = methods,
    .rules = rules,
    .scratch = { sizeof(struct toy_scores), open, close, layout, NULL },
    .forward = forward,
    .head = head,
    .record = record,
};
