/* RMSNorm and LayerNorm, with the residual sum in front, and their backwards. A row is read once
 * from memory and then again from the nearest cache. */
#include <math.h>

#include "factor.h"

/* r = x (+ h) into y, kept in `keep` where asked (which may be x). */
INLINE vec residual(const scalar *x, const scalar *h, scalar *keep, scalar *y, int i, int n)
{
    vec v = v_load_part(x + i, n);
    if (h)
        v += v_load_part(h + i, n);
    if (keep)
        v_store_part(keep + i, v, n);
    v_store_part(y + i, v, n);
    return v;
}

static void rmsnorm_row(const struct rmsnorm_args *a, size_t row)
{
    size_t at = row * (size_t)a->width;
    const scalar *x = rd(a->x) + at, *h = a->h ? rd(a->h) + at : NULL, *w = rd(a->w);
    scalar *keep = a->r ? wr(a->r) + at : NULL, *y = wr(a->y) + at;
    vec square = v_set(0);
    for (int i = 0; i < a->width; i += VN) {
        vec v = residual(x, h, keep, y, i, min_int(VN, a->width - i));
        square = v_fma(v, v, square);
    }
    scalar inv = 1 / (scalar)sqrt((double)v_sum(square) / a->width + a->eps);
    for (int i = 0; i < a->width; i += VN) {
        int n = min_int(VN, a->width - i);
        v_store_part(y + i, v_load_part(y + i, n) * inv * v_load_part(w + i, n), n);
    }
}

static void rmsnorm(struct backend *be, const struct rmsnorm_args *a)
{
#pragma omp parallel for num_threads(cpu_team(be)) schedule(static)
    for (int row = 0; row < a->rows; row++)
        rmsnorm_row(a, (size_t)row);
}

/* y = x w / s, s = sqrt(mean x² + eps):  gx_i = g_i w_i / s - x_i Σ(g w x) / (width s³). */
static void rmsnorm_back_row(const struct rmsnorm_back_args *a, size_t row)
{
    size_t at = row * (size_t)a->width;
    const scalar *x = rd(a->x) + at, *gy = rd(a->gy) + at, *w = rd(a->w);
    scalar *gx = wr(a->gx) + at;
    vec square = v_set(0), dot = v_set(0);
    for (int i = 0; i < a->width; i += VN) {
        int n = min_int(VN, a->width - i);
        vec v = v_load_part(x + i, n);
        square = v_fma(v, v, square);
        dot = v_fma(v_load_part(gy + i, n) * v_load_part(w + i, n), v, dot);
    }
    double s = 1 / sqrt((double)v_sum(square) / a->width + a->eps);
    scalar inv = (scalar)s;
    scalar pull = a->detach ? 0 : (scalar)((double)v_sum(dot) * s * s * s / a->width);
    for (int i = 0; i < a->width; i += VN) {
        int n = min_int(VN, a->width - i);
        vec g = v_load_part(gy + i, n) * v_load_part(w + i, n) * inv - v_load_part(x + i, n) * pull;
        if (a->accumulate)
            g += v_load_part(gx + i, n);
        v_store_part(gx + i, g, n);
    }
}

static void rmsnorm_back(struct backend *be, const struct rmsnorm_back_args *a)
{
#pragma omp parallel for num_threads(cpu_team(be)) schedule(static)
    for (int row = 0; row < a->rows; row++)
        rmsnorm_back_row(a, (size_t)row);
}

struct moments {
    scalar mean, inv; /* 1 / sqrt(var + eps), the biased variance */
};

/* Two passes: the squares are of differences from the mean. */
static struct moments row_moments(const scalar *x, int width, double eps)
{
    vec sum = v_set(0), square = v_set(0);
    for (int i = 0; i < width; i += VN)
        sum += v_load_part(x + i, min_int(VN, width - i));
    scalar mean = v_sum(sum) / (scalar)width;
    int i = 0;
    for (; i + VN <= width; i += VN) {
        vec v = v_load(x + i) - mean;
        square = v_fma(v, v, square);
    }
    double rest = 0;
    for (; i < width; i++)
        rest += (double)(x[i] - mean) * (x[i] - mean);
    double var = ((double)v_sum(square) + rest) / width;
    return (struct moments){ mean, (scalar)(1 / sqrt(var + eps)) };
}

static size_t row_at(const struct row_runs *r, size_t row, int width)
{
    size_t run = (size_t)r->run;
    return run == 0 ? row * (size_t)width : row / run * r->jump + row % run * (size_t)width;
}

/* The row that is normalised: x itself, or x + h, which is kept in r, else in y, else (where y is
 * narrow) in memory of this thread. NULL where that ran out. */
static const scalar *layernorm_input(struct backend *be, const struct layernorm_args *a, size_t at)
{
    const scalar *x = rd(a->x) + at, *h = a->h ? rd(a->h) + at : NULL;
    if (!h && !a->r)
        return x;
    scalar *sum = a->r          ? wr(a->r) + at
                  : a->narrow_y ? cpu_scratch(be, (size_t)a->width * sizeof *sum)
                                : wr(a->y) + at;
    for (int i = 0; sum && i < a->width; i += VN) {
        int n = min_int(VN, a->width - i);
        vec v = v_load_part(x + i, n);
        v_store_part(sum + i, h ? v + v_load_part(h + i, n) : v, n);
    }
    return sum;
}

static void layernorm_row(struct backend *be, const struct layernorm_args *a, size_t row)
{
    size_t at = row_at(&a->at, row, a->width);
    const scalar *x = layernorm_input(be, a, at), *w = rd(a->w), *b = rd(a->b);
    if (!x)
        return;
    struct moments m = row_moments(x, a->width, a->eps);
    for (int i = 0; i < a->width; i += VN) {
        int n = min_int(VN, a->width - i);
        vec v = (v_load_part(x + i, n) - m.mean) * m.inv;
        v = v_fma(v, v_load_part(w + i, n), v_load_part(b + i, n));
        if (a->narrow_y)
            store_narrow((uint16_t *)(void *)a->y + at + i, v, n);
        else
            v_store_part(wr(a->y) + at + i, v, n);
    }
}

static void layernorm(struct backend *be, const struct layernorm_args *a)
{
#pragma omp parallel for num_threads(cpu_team(be)) schedule(static)
    for (int row = 0; row < a->rows; row++)
        layernorm_row(be, a, (size_t)row);
}

/* With x^ = (x - mean) / s and g = gy w:  gx = (g - mean g - x^ mean(g x^)) / s. */
static void layernorm_back_row(const struct layernorm_back_args *a, size_t row)
{
    size_t at = row_at(&a->at, row, a->width);
    const scalar *x = rd(a->x) + at, *gy = rd(a->gy) + at, *w = rd(a->w);
    scalar *gx = wr(a->gx) + at;
    struct moments m = row_moments(x, a->width, a->eps);
    vec sum = v_set(0), dot = v_set(0);
    for (int i = 0; i < a->width; i += VN) { /* g is 0 in lanes past the end */
        int n = min_int(VN, a->width - i);
        vec g = v_load_part(gy + i, n) * v_load_part(w + i, n);
        sum += g;
        dot = v_fma(g, (v_load_part(x + i, n) - m.mean) * m.inv, dot);
    }
    scalar mean_g = v_sum(sum) / (scalar)a->width;
    scalar mean_gx = a->detach ? 0 : v_sum(dot) / (scalar)a->width;
    for (int i = 0; i < a->width; i += VN) {
        int n = min_int(VN, a->width - i);
        vec g = v_load_part(gy + i, n) * v_load_part(w + i, n);
        vec hat = (v_load_part(x + i, n) - m.mean) * m.inv;
        g = (g - mean_g - hat * mean_gx) * m.inv;
        if (a->accumulate)
            g += v_load_part(gx + i, n);
        v_store_part(gx + i, g, n);
    }
}

static void layernorm_back(struct backend *be, const struct layernorm_back_args *a)
{
#pragma omp parallel for num_threads(cpu_team(be)) schedule(static)
    for (int row = 0; row < a->rows; row++)
        layernorm_back_row(a, (size_t)row);
}

void CPU_VEC(norm_ops)(struct ops *op)
{
    op->rmsnorm = rmsnorm;
    op->rmsnorm_back = rmsnorm_back;
    op->layernorm = layernorm;
    op->layernorm_back = layernorm_back;
}
