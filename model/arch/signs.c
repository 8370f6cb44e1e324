#include "signs.h"

float keep_positive(float x)
{
    return x > 0 ? x : 0;
}

float keep_negative(float x)
{
    return x < 0 ? x : 0;
}

static void back(struct backend *be, const struct weight *w, const struct gamma_back *a,
                 const real *gy, real *gx)
{
    const struct linear_back_args args = {
        .rows = a->rows, .w = w, .gy = gy, .ldgy = a->out, .gx = gx, .ldgx = a->in
    };
    be->op.linear_back(be, &args);
}

void run_gamma_back(struct backend *be, struct gamma_back *a)
{
    size_t in = (size_t)a->rows * a->in, out = (size_t)a->rows * a->out;
    real *wide = a->scratch, *s = be_at(be, wide, in), *s_abs = be_at(be, s, out);
    run_map2(be, MAP_ABS, a->x, NULL, wide, in, 1.0);
    run_linear(be, a->w_abs, NULL, a->rows, wide, a->in, s, a->out);
    const struct gamma_split_args split = { .rows = a->rows,
                                            .cols = (int)a->out,
                                            .gamma = a->gamma,
                                            .y = a->y,
                                            .t = s,
                                            .g = a->gy,
                                            .b = a->b,
                                            .s = s,
                                            .s_abs = s_abs };
    be->op.gamma_split(be, &split);
    back(be, a->w, a, s, a->gx);
    back(be, a->w_abs, a, s_abs, wide);
    const struct gamma_join_args join = {
        .count = in, .gamma = a->gamma, .x = a->x, .a = a->gx, .b = wide, .gx = a->gx
    };
    be->op.gamma_join(be, &join);
    a->s = s;
    a->s_abs = s_abs;
}
