/* linear and linear_back, in float by our own kernels (panels.h) where the instruction set has
 * them, else through oneDNN: fp32, or bf16 with fp32 accumulation.
 *
 * For oneDNN rows are divided into blocks whose size depends only on the number of rows, and every
 * block runs on one thread. So the results do not depend on the number of threads, and a block's
 * activations, converted to bf16 where asked, stay in cache. */
#include "cpu.h"

#include <stdlib.h>

#include "linear_pack.h"
#include "panels.h"

/* The most rows in a block: large enough for oneDNN's full rate, small enough to share an image's
 * rows between a few threads. */
enum { BLOCK = 64 };

struct weight {
    struct lrp_panels lrp;       /* first: cpu_lrp_panels */
    struct panels own, own_back; /* empty unless asked for */
    struct pack *forward, *back; /* the same for oneDNN */
};

static void weight_free(struct backend *be, struct weight *w)
{
    (void)be;
    if (!w)
        return;
    pack_free(w->forward);
    pack_free(w->back);
    free(w->own.data);
    free(w->own_back.data);
    cpu_lrp_free(&w->lrp);
    free(w);
}

/* Of host [out, in], for x Wᵀ where `transposed`, else for g W. */
static bool make_pack(struct backend *be, struct panels *own, struct pack **pack, const float *host,
                      int k, int n, bool transposed)
{
    const struct cpu *cpu = cpu_of(be);
    *own = (struct panels){ .k = k, .n = n };
    if (cpu->product)
        return panels_pack(own, cpu->product, be->real_size, host, transposed);
    *pack = pack_new(host, k, n, transposed, cpu->bf16);
    return *pack != NULL;
}

static struct weight *weight_new(struct backend *be, const float *host, int out, int in,
                                 unsigned uses)
{
    struct weight *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->lrp.out = out;
    w->lrp.in = in;
    bool ok = true;
    if (uses & WEIGHT_FORWARD)
        ok = make_pack(be, &w->own, &w->forward, host, in, out, true);
    if (uses & WEIGHT_BACK)
        ok = ok && make_pack(be, &w->own_back, &w->back, host, out, in, false);
    if (uses & WEIGHT_LRP)
        ok = ok && cpu_lrp_pack(&w->lrp, host);
    if (ok)
        return w;
    weight_free(be, w);
    return NULL;
}

/* GELU over a block that is still in cache: our vectors take a quarter of oneDNN's time for it. */
static void gelu_rows(struct backend *be, const struct product *p, int cols)
{
    bool dense = p->ldy == (size_t)cols;
    size_t count = dense ? (size_t)p->rows * (size_t)cols : (size_t)cols;
    for (int r = 0; r < (dense ? 1 : p->rows); r++) {
        real *row = (real *)(void *)(p->y + (size_t)r * p->ldy);
        be->op.map2(be, &(struct map2_args){
                            .f = MAP_GELU, .count = count, .a = row, .scale = 1, .out = row });
    }
}

/* One product over all rows, block by block. */
static void run(struct backend *be, struct pack *pack, const struct product *whole, int depth,
                int cols)
{
    bool own_gelu = whole->gelu && !whole->accumulate;
    int blocks = (whole->rows + BLOCK - 1) / BLOCK;
    if (blocks == 0)
        return;
    int step = (whole->rows + blocks - 1) / blocks;
#pragma omp parallel for num_threads(cpu_team(be)) schedule(static)
    for (int block = 0; block < blocks; block++) {
        struct product p = *whole;
        size_t row = (size_t)block * (size_t)step;
        p.rows = whole->rows - (int)row < step ? whole->rows - (int)row : step;
        p.x += row * p.ldx;
        p.y += row * p.ldy;
        p.gelu = whole->gelu && !own_gelu;
        if (p.rows <= 0)
            continue;
        /* oneDNN takes 300 times as long where rows lie apart: not for a row that is alone */
        if (p.rows == 1) {
            p.ldx = (size_t)depth;
            p.ldy = (size_t)cols;
        }
        pack_run(be, pack, &p);
        if (own_gelu)
            gelu_rows(be, &p, cols);
    }
}

static void linear(struct backend *be, const struct linear_args *a)
{
    if (cpu_of(be)->product) {
        panels_linear(be, &a->w->own, a);
        return;
    }
    run(be, a->w->forward,
        &(struct product){ .rows = a->rows,
                           .x = (const float *)(const void *)a->x,
                           .ldx = a->ldx,
                           .bias = (const float *)(const void *)a->bias,
                           .gelu = a->act == ACT_GELU,
                           .accumulate = a->accumulate,
                           .y = (float *)(void *)a->y,
                           .ldy = a->ldy },
        a->w->lrp.in, a->w->lrp.out);
}

static void linear_back(struct backend *be, const struct linear_back_args *a)
{
    if (cpu_of(be)->product) {
        panels_linear_back(be, &a->w->own_back, a);
        return;
    }
    run(be, a->w->back,
        &(struct product){ .rows = a->rows,
                           .x = (const float *)(const void *)a->gy,
                           .ldx = a->ldgy,
                           .accumulate = a->accumulate,
                           .y = (float *)(void *)a->gx,
                           .ldy = a->ldgx },
        a->w->lrp.out, a->w->lrp.in);
}

void cpu_linear_ops(struct ops *op)
{
    op->linear = linear;
    op->linear_back = linear_back;
    op->weight_new = weight_new;
    op->weight_free = weight_free;
}
