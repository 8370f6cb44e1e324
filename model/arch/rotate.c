#include "rotate.h"

#include <stdlib.h>
#include <string.h>

/* freqs [patches, D] of the last tokens, `fill` in front of them. */
static real *bind_rows(const struct model *m, struct backend *be, const char *name, float fill)
{
    const struct tensor *t = checkpoint_find(m->checkpoint, name);
    size_t all = (size_t)m->geo.tokens * (size_t)m->geo.width, front = all - t->count;
    float *rows = malloc(all * sizeof *rows);
    if (rows == NULL)
        return NULL;
    for (size_t i = 0; i < front; i++)
        rows[i] = fill;
    memcpy(rows + front, t->data, t->count * sizeof *rows);
    real *bound = be_upload_floats(be, rows, all);
    free(rows);
    return bound;
}

static struct weight *bind_swap(const struct model *m, struct backend *be)
{
    size_t d = (size_t)m->geo.width;
    float *w = calloc(d * d, sizeof *w);
    if (w == NULL)
        return NULL;
    for (size_t i = 0; i + 1 < d; i += 2) {
        w[i * d + i + 1] = -1;
        w[(i + 1) * d + i] = 1;
    }
    struct weight *swap = be->op.weight_new(be, w, (int)d, (int)d, WEIGHT_FORWARD | WEIGHT_BACK);
    free(w);
    return swap;
}

struct rotation *rotation_bind(const struct model *m, struct backend *be)
{
    struct rotation *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    r->cosine = bind_rows(m, be, "rope.freqs_cos", 1);
    r->sine = bind_rows(m, be, "rope.freqs_sin", 0);
    r->swap = bind_swap(m, be);
    if (r->cosine != NULL && r->sine != NULL && r->swap != NULL)
        return r;
    rotation_unbind(r, be);
    return NULL;
}

void rotation_unbind(struct rotation *r, struct backend *be)
{
    if (r == NULL)
        return;
    be->free(be, r->cosine);
    be->free(be, r->sine);
    be->op.weight_free(be, r->swap);
    free(r);
}

/* Every image's x times f [L, D]. */
static void times(const struct geometry *g, struct backend *be, int n, const real *f, const real *x,
                  real *out)
{
    size_t count = (size_t)g->tokens * (size_t)g->width;
    for (size_t i = 0; i < (size_t)n; i++)
        run_map2(be, MAP_MUL, be_at(be, x, i * count), f, be_at(be, out, i * count), count, 1.0);
}

void rotate_tokens(const struct geometry *g, struct backend *be, const struct rotation *r,
                   bool back, int n, real *x, real *scratch)
{
    int rows = n * g->tokens;
    size_t d = (size_t)g->width;
    if (back) {
        const struct linear_back_args swap = { .rows = rows,
                                               .w = r->swap,
                                               .gy = scratch,
                                               .ldgy = d,
                                               .accumulate = true,
                                               .gx = x,
                                               .ldgx = d };
        times(g, be, n, r->sine, x, scratch);
        times(g, be, n, r->cosine, x, x);
        be->op.linear_back(be, &swap);
        return;
    }
    run_linear(be, r->swap, NULL, rows, x, d, scratch, d);
    times(g, be, n, r->sine, scratch, scratch);
    times(g, be, n, r->cosine, x, x);
    run_map2(be, MAP_ADD, x, scratch, x, (size_t)rows * d, 1.0);
}
