/* The norm before a layer and after the last: RMSNorm, or LayerNorm where it has a bias. */
#include "vim.h"

bool vim_norm_bind(struct vim_norm *norm, const struct model *m, struct backend *be,
                   const char *name)
{
    norm->w = bind_array(m, be, "%s.weight", name);
    norm->b = m->geo.layer_norm ? bind_array(m, be, "%s.bias", name) : NULL;
    return norm->w != NULL && (norm->b != NULL || !m->geo.layer_norm);
}

void vim_norm_unbind(struct vim_norm *norm, struct backend *be)
{
    be->free(be, norm->w);
    be->free(be, norm->b);
}

void vim_norm(const struct geometry *g, struct backend *be, const struct vim_norm *norm, int rows,
              const real *x, real *y, bool narrow)
{
    const struct rmsnorm_args rms = { rows, g->width, x, NULL, norm->w, g->eps, NULL, y, narrow };
    const struct layernorm_args layer = { .rows = rows,
                                          .width = g->width,
                                          .x = x,
                                          .w = norm->w,
                                          .b = norm->b,
                                          .eps = g->eps,
                                          .y = y,
                                          .narrow_y = narrow };
    if (norm->b == NULL)
        be->op.rmsnorm(be, &rms);
    else
        be->op.layernorm(be, &layer);
}

void vim_norm_back(const struct geometry *g, struct backend *be, const struct vim_norm *norm,
                   int rows, const real *x, const real *gy, bool detach, bool accumulate, real *gx)
{
    const struct rmsnorm_back_args rms = { rows,   g->width, x,          norm->w, gy,
                                           g->eps, detach,   accumulate, gx };
    const struct layernorm_back_args layer = { .rows = rows,
                                               .width = g->width,
                                               .x = x,
                                               .w = norm->w,
                                               .gy = gy,
                                               .eps = g->eps,
                                               .detach = detach,
                                               .accumulate = accumulate,
                                               .gx = gx };
    if (norm->b == NULL)
        be->op.rmsnorm_back(be, &rms);
    else
        be->op.layernorm_back(be, &layer);
}
