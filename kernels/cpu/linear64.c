/* linear and linear_back in double, by our own kernels (panels.h) where the instruction set has
 * them, else through OpenBLAS. */
#include <cblas.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"
#include "panels.h"
#include "sizes.h"

struct weight {
    struct lrp_panels lrp;       /* first: cpu_lrp_panels */
    struct panels own, own_back; /* empty unless asked for */
    double *plain;               /* [out, in], of both products, where there are no own ones */
};

/* Rows per call, independent of the number of threads. */
enum { BLOCK = 100 };

static void weight_free(struct backend *be, struct weight *w)
{
    (void)be;
    if (!w)
        return;
    free(w->plain);
    free(w->own.data);
    free(w->own_back.data);
    cpu_lrp_free(&w->lrp);
    free(w);
}

static bool make_plain(struct weight *w, const float *host)
{
    size_t count, bytes;
    if (!size_mul((size_t)w->lrp.out, (size_t)w->lrp.in, &count) ||
        !size_mul(count, sizeof(double), &bytes) || !(w->plain = malloc(bytes)))
        return false;
    for (size_t i = 0; i < count; i++)
        w->plain[i] = host[i];
    return true;
}

static struct weight *weight_new(struct backend *be, const float *host, int out, int in,
                                 unsigned uses)
{
    struct weight *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    const struct panel_kernel *own = cpu_of(be)->product;
    w->lrp.out = out;
    w->lrp.in = in;
    w->own = (struct panels){ .k = in, .n = out };
    w->own_back = (struct panels){ .k = out, .n = in };
    bool ok = own || make_plain(w, host);
    if (own && uses & WEIGHT_FORWARD)
        ok = panels_pack(&w->own, own, be->real_size, host, true);
    if (own && uses & WEIGHT_BACK)
        ok = ok && panels_pack(&w->own_back, own, be->real_size, host, false);
    if (uses & WEIGHT_LRP)
        ok = ok && cpu_lrp_pack64(&w->lrp, host);
    if (ok)
        return w;
    weight_free(be, w);
    return NULL;
}

/* y = act(x Wᵀ + b) for one block, y [rows, out] with ldy; y's own content is added first where
 * asked, which is right without an activation only. */
static void product(struct backend *be, const struct linear_args *a, const double *x, double *y,
                    size_t ldy, int rows, bool add)
{
    const struct weight *w = a->w;
    const double *bias = (const double *)(const void *)a->bias;
    for (int r = 0; bias && r < rows; r++)
        for (int o = 0; o < w->lrp.out; o++) {
            double *at = &y[(size_t)r * ldy + (size_t)o];
            *at = bias[o] + (add ? *at : 0);
        }
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, w->lrp.out, w->lrp.in, 1, x,
                (int)a->ldx, w->plain, w->lrp.in, add || bias ? 1 : 0, y, (int)ldy);
    for (int r = 0; a->act == ACT_GELU && r < rows; r++) {
        real *row = (real *)(void *)(y + (size_t)r * ldy);
        be->op.map2(
            be, &(struct map2_args){
                    .f = MAP_GELU, .count = (size_t)w->lrp.out, .a = row, .scale = 1, .out = row });
    }
}

static void linear_rows(struct backend *be, const struct linear_args *a, int row, int rows)
{
    const double *x = (const double *)(const void *)a->x + (size_t)row * a->ldx;
    double *y = (double *)(void *)a->y + (size_t)row * a->ldy;
    if (!a->accumulate || a->act == ACT_NONE) {
        product(be, a, x, y, a->ldy, rows, a->accumulate);
        return;
    }
    size_t out = (size_t)a->w->lrp.out;
    double *sum = cpu_scratch(be, (size_t)rows * out * sizeof *sum);
    if (!sum)
        return;
    product(be, a, x, sum, out, rows, false);
    for (size_t r = 0; r < (size_t)rows; r++)
        for (size_t o = 0; o < out; o++)
            y[r * a->ldy + o] += sum[r * out + o];
}

static void linear(struct backend *be, const struct linear_args *a)
{
    if (cpu_of(be)->product) {
        panels_linear(be, &a->w->own, a);
        return;
    }
    int blocks = (a->rows + BLOCK - 1) / BLOCK;
#pragma omp parallel for num_threads(cpu_team(be)) schedule(static)
    for (int block = 0; block < blocks; block++) {
        int row = block * BLOCK, rows = a->rows - row < BLOCK ? a->rows - row : BLOCK;
        linear_rows(be, a, row, rows);
    }
}

static void linear_back(struct backend *be, const struct linear_back_args *a)
{
    const struct weight *w = a->w;
    if (cpu_of(be)->product) {
        panels_linear_back(be, &w->own_back, a);
        return;
    }
    int blocks = (a->rows + BLOCK - 1) / BLOCK;
#pragma omp parallel for num_threads(cpu_team(be)) schedule(static)
    for (int block = 0; block < blocks; block++) {
        int row = block * BLOCK, rows = a->rows - row < BLOCK ? a->rows - row : BLOCK;
        const double *gy = (const double *)(const void *)a->gy + (size_t)row * a->ldgy;
        double *gx = (double *)(void *)a->gx + (size_t)row * a->ldgx;
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, w->lrp.in, w->lrp.out, 1, gy,
                    (int)a->ldgy, w->plain, w->lrp.in, a->accumulate ? 1 : 0, gx, (int)a->ldgx);
    }
}

void cpu_linear64_ops(struct ops *op)
{
    op->linear = linear;
    op->linear_back = linear_back;
    op->weight_new = weight_new;
    op->weight_free = weight_free;
}
