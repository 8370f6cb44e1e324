/* Normalisations, elementwise functions, reductions over columns. */
#include "ref_math.h"
#include "ref_num.h"

/* r = x (+ h), kept where asked. r may be x: each element is read before it is written. */
static double residual(const num *x, const num *h, num *r, size_t i)
{
    double v = x[i];
    if (h != NULL)
        v = (num)(v + h[i]); /* the stream itself has the array's precision */
    if (r != NULL)
        r[i] = (num)v;
    return v;
}

void REF(rmsnorm)(struct backend *be, const struct rmsnorm_args *a)
{
    (void)be;
    size_t width = (size_t)a->width;
    const num *w = rd(a->w);
    for (size_t row = 0; row < (size_t)a->rows; row++) {
        const num *x = rd(a->x) + row * width;
        const num *h = a->h != NULL ? rd(a->h) + row * width : NULL;
        num *r = a->r != NULL ? wr(a->r) + row * width : NULL, *y = wr(a->y) + row * width;
        double square = 0;
        for (size_t i = 0; i < width; i++) {
            double v = residual(x, h, r, i);
            square += v * v;
            y[i] = (num)v;
        }
        double inv = 1.0 / sqrt(square / (double)width + a->eps);
        for (size_t i = 0; i < width; i++)
            y[i] = (num)(y[i] * inv * w[i]);
    }
}

/* y = x w / s, s = sqrt(mean x² + eps):  gx_i = g_i w_i / s - x_i Σ(g w x) / (width s³). */
void REF(rmsnorm_back)(struct backend *be, const struct rmsnorm_back_args *a)
{
    (void)be;
    size_t width = (size_t)a->width;
    const num *w = rd(a->w);
    for (size_t row = 0; row < (size_t)a->rows; row++) {
        const num *x = rd(a->x) + row * width, *gy = rd(a->gy) + row * width;
        num *gx = wr(a->gx) + row * width;
        double square = 0, dot = 0;
        for (size_t i = 0; i < width; i++) {
            square += (double)x[i] * x[i];
            dot += (double)gy[i] * w[i] * x[i];
        }
        double inv = 1.0 / sqrt(square / (double)width + a->eps);
        double pull = a->detach ? 0 : dot * inv * inv * inv / (double)width;
        for (size_t i = 0; i < width; i++) {
            double g = (double)gy[i] * w[i] * inv - x[i] * pull;
            gx[i] = (num)(a->accumulate ? gx[i] + g : g);
        }
    }
}

struct moments {
    double mean, inv; /* 1 / sqrt(var + eps), the biased variance */
};

static struct moments row_moments(const num *x, size_t width, double eps)
{
    double sum = 0, square = 0;
    for (size_t i = 0; i < width; i++)
        sum += x[i];
    double mean = sum / (double)width;
    for (size_t i = 0; i < width; i++)
        square += (x[i] - mean) * (x[i] - mean);
    return (struct moments){ mean, 1.0 / sqrt(square / (double)width + eps) };
}

static size_t row_at(const struct row_runs *r, size_t row, size_t width)
{
    size_t run = (size_t)r->run;
    return run == 0 ? row * width : row / run * r->jump + row % run * width;
}

void REF(layernorm)(struct backend *be, const struct layernorm_args *a)
{
    (void)be;
    size_t width = (size_t)a->width;
    const num *w = rd(a->w), *b = rd(a->b);
    for (size_t row = 0; row < (size_t)a->rows; row++) {
        size_t at = row_at(&a->at, row, width);
        const num *x = rd(a->x) + at, *h = a->h != NULL ? rd(a->h) + at : NULL;
        num *r = a->r != NULL ? wr(a->r) + at : NULL, *y = wr(a->y) + at;
        for (size_t i = 0; i < width; i++)
            y[i] = (num)residual(x, h, r, i);
        struct moments m = row_moments(y, width, a->eps);
        for (size_t i = 0; i < width; i++)
            y[i] = (num)((y[i] - m.mean) * m.inv * w[i] + b[i]);
    }
}

/* With x^ = (x - mean) / s and g = gy w:  gx = (g - mean g - x^ mean(g x^)) / s; without the last
 * term where s is a constant. */
void REF(layernorm_back)(struct backend *be, const struct layernorm_back_args *a)
{
    (void)be;
    size_t width = (size_t)a->width;
    const num *w = rd(a->w);
    for (size_t row = 0; row < (size_t)a->rows; row++) {
        size_t at = row_at(&a->at, row, width);
        const num *x = rd(a->x) + at, *gy = rd(a->gy) + at;
        num *gx = wr(a->gx) + at;
        struct moments m = row_moments(x, width, a->eps);
        double mean_g = 0, mean_gx = 0;
        for (size_t i = 0; i < width; i++) {
            double g = (double)gy[i] * w[i];
            mean_g += g / (double)width;
            mean_gx += g * (x[i] - m.mean) * m.inv / (double)width;
        }
        for (size_t i = 0; i < width; i++) {
            double g = (double)gy[i] * w[i], hat = (x[i] - m.mean) * m.inv;
            g = (g - mean_g - (a->detach ? 0 : hat * mean_gx)) * m.inv;
            gx[i] = (num)(a->accumulate ? gx[i] + g : g);
        }
    }
}

static double map2_at(enum map2 f, double a, double b)
{
    switch (f) {
    case MAP_ADD:
        return a + b;
    case MAP_MUL:
        return a * b;
    case MAP_RATIO:
        return safe_ratio(a, b);
    case MAP_ABS:
        return fabs(a);
    case MAP_GELU:
        return gelu(a);
    case MAP_GELU_BACK:
        return b * gelu_slope(a);
    case MAP_GELU_GATE:
        return b * normal_share(a);
    case MAP_TANH_GELU:
        return a * curved_gate(a, TANH_GELU_C, TANH_GELU_D);
    case MAP_TANH_GELU_BACK:
        return b * curved_slope(a, TANH_GELU_C, TANH_GELU_D);
    case MAP_TANH_GELU_GATE:
        return b * curved_gate(a, TANH_GELU_C, TANH_GELU_D);
    case MAP_QUICK_GELU:
        return a * curved_gate(a, QUICK_GELU_C, 0);
    case MAP_QUICK_GELU_BACK:
        return b * curved_slope(a, QUICK_GELU_C, 0);
    case MAP_QUICK_GELU_GATE:
        return b * curved_gate(a, QUICK_GELU_C, 0);
    case MAP_SILU:
        return silu(a);
    case MAP_SILU_BACK:
        return b * silu_slope(a, false);
    case MAP_SILU_GATE:
        return b * sigmoid(a);
    case MAP_TANH:
        return tanh(a);
    case MAP_TANH_BACK:
        return b / (cosh(a) * cosh(a));
    case MAP_TANH_GATE:
        return a == 0 ? b : b * tanh(a) / a;
    case MAP_POSITIVE:
        return fmax(a, 0);
    case MAP_NEGATIVE:
        return fmin(a, 0);
    case MAP_COPY:
    case MAP2_COUNT:
        break;
    }
    return a;
}

void REF(map2)(struct backend *be, const struct map2_args *a)
{
    (void)be;
    const num *x = rd(a->a), *y = a->b != NULL ? rd(a->b) : NULL;
    num *out = wr(a->out);
    for (size_t i = 0; i < a->count; i++)
        out[i] = (num)(a->scale * map2_at(a->f, x[i], y != NULL ? y[i] : 0));
}

void REF(to_single)(struct backend *be, const struct to_single_args *a)
{
    (void)be;
    float *out = (float *)(void *)a->out;
    for (size_t i = 0; i < a->count; i++)
        out[i] = (float)rd(a->x)[i];
}

void REF(row_reduce)(struct backend *be, const struct row_reduce_args *a)
{
    (void)be;
    size_t cols = (size_t)a->cols;
    for (size_t row = 0; row < a->rows; row++) {
        const num *x = rd(a->x) + row * cols;
        double sum = 0, top = 0;
        for (size_t i = 0; i < cols; i++) {
            sum += a->stat == ROW_DOT ? (double)x[i] * rd(a->y)[row * cols + i] : x[i];
            top = fmax(top, x[i]);
        }
        if (a->stat == ROW_MEAN)
            sum /= (double)cols;
        wr(a->out)[row] = (num)(a->stat == ROW_MAX_POS ? top : sum);
    }
}
