#include "panels.h"

#include <stdlib.h>
#include <string.h>

#include "bf16.h"
#include "cpu.h"
#include "sizes.h"

static size_t element_size(const struct panels *b, size_t real_size)
{
    return b->bf16 ? sizeof(uint16_t) : real_size;
}

/* Column c of a panel of `width` columns; `rounded` holds it in bf16 where B does. */
static void put_column(const struct panels *b, size_t real_size, size_t base, size_t width,
                       const float *column, const uint16_t *rounded)
{
    size_t k = (size_t)b->k;
    if (b->bf16)
        for (size_t row = 0; row < k; row++)
            ((uint16_t *)b->data)[base + row / 2 * 2 * width + row % 2] = rounded[row];
    else if (real_size == sizeof(double))
        for (size_t row = 0; row < k; row++)
            ((double *)b->data)[base + row * width] = column[row];
    else
        for (size_t row = 0; row < k; row++)
            ((float *)b->data)[base + row * width] = column[row];
}

static void put_panel(const struct panels *b, size_t real_size, int panel, const float *host,
                      bool transposed, float *column)
{
    size_t k = (size_t)b->k, n = (size_t)b->n, lanes = (size_t)b->lanes, fold = b->bf16 ? 2 : 1;
    size_t begin = (size_t)panel_begin(b, panel) * lanes;
    size_t end = (size_t)panel_begin(b, panel + 1) * lanes, width = end - begin;
    uint16_t *rounded = (uint16_t *)(void *)(column + k);
    for (size_t col = begin; col < end && col < n; col++) {
        for (size_t row = 0; row < k; row++)
            column[row] = transposed ? host[col * k + row] : host[row * n + col];
        if (b->bf16)
            cpu_bf16_row(rounded, column, k);
        put_column(b, real_size, panels_depth(b) * begin + (col - begin) * fold, width, column,
                   rounded);
    }
}

bool panels_pack(struct panels *b, const struct panel_kernel *kernel, size_t real_size,
                 const float *host, bool transposed)
{
    b->lanes = kernel->lanes;
    b->bf16 = kernel->bf16;
    size_t count, bytes;
    if (!size_mul(panels_depth(b), (size_t)panels_vecs(b) * (size_t)b->lanes, &count) ||
        !size_mul(count, element_size(b, real_size), &bytes))
        return false;
    b->data = aligned_alloc(64, round_up(bytes, 64));
    float *column = malloc((size_t)b->k * (sizeof *column + sizeof(uint16_t)));
    if (b->data && column) {
        memset(b->data, 0, bytes);
        for (int panel = 0; panel < panels_count(b); panel++)
            put_panel(b, real_size, panel, host, transposed, column);
    }
    free(column);
    return b->data && column;
}

/* x as bf16 [rows, depth], 0 in a column that makes k even. */
static uint16_t *to_bf16(struct backend *be, const struct panels *b, const struct panel_product *p,
                         bool narrow_x)
{
    size_t depth = panels_depth(b), k = (size_t)b->k;
    uint16_t *to = cpu_scratch(be, (size_t)p->rows * depth * sizeof *to);
    if (!to)
        return NULL;
#pragma omp parallel for num_threads(cpu_team(be)) schedule(static)
    for (int r = 0; r < p->rows; r++) {
        uint16_t *row = to + (size_t)r * depth;
        row[depth - 1] = 0;
        if (narrow_x)
            memcpy(row, (const uint16_t *)p->x + (size_t)r * p->ldx, k * sizeof *row);
        else
            cpu_bf16_row(row, (const float *)p->x + (size_t)r * p->ldx, k);
    }
    return to;
}

/* A part of the work: some rows and a panel. No result depends on how it is divided. */
static void run_part(struct backend *be, const struct panel_product *whole, int panel, size_t row,
                     int rows)
{
    struct panel_product p = *whole;
    size_t x_size = element_size(p.b, be->real_size), y_size = be_size(be, p.narrow_y);
    p.first = panel;
    p.end = panel + 1;
    p.rows = rows;
    p.x = (const char *)p.x + row * p.ldx * x_size;
    p.y = (char *)p.y + row * p.ldy * y_size;
    cpu_of(be)->product->run(&p);
}

enum { BLOCKS = 64, LEAST_TILES = 2 }; /* of rows at most; in a block at least */

/* A thread takes the panels of a block of rows one by one, the same rows in every operation, so
 * that they stay in its cache; then those that are left of other blocks, of threads that came late
 * or were sent away. Each block begins with another panel: two threads that read one at the same
 * time would fetch it out of each other's caches. */
static void share_out(struct backend *be, const struct panel_product *p, int team, int tile)
{
    int blocks = p->rows / (LEAST_TILES * tile);
    blocks = blocks > team ? team : blocks;
    blocks = blocks > BLOCKS ? BLOCKS : blocks < 1 ? 1 : blocks;
    int step = (p->rows + blocks - 1) / blocks;
    atomic_int next[BLOCKS] = { 0 };
#pragma omp parallel num_threads(team)
    for (int i = 0; i < blocks; i++) {
        int block = (omp_get_thread_num() + i) % blocks, row = block * step, panel;
        int rows = p->rows - row < step ? p->rows - row : step;
        while (rows > 0 && (panel = atomic_fetch_add(&next[block], 1)) < p->end)
            run_part(be, p, (panel + block * p->end / blocks) % p->end, (size_t)row, rows);
    }
}

/* p's x is `real`, or bf16 where narrow_x says so. */
static void run(struct backend *be, const struct panels *b, struct panel_product *p, bool narrow_x)
{
    const struct panel_kernel *kernel = cpu_of(be)->product;
    int team = cpu_team(be);
    p->b = b;
    p->end = panels_count(b);
    if (p->rows <= 0)
        return;
    if (b->bf16 && (!narrow_x || b->k % 2 != 0)) {
        p->x = to_bf16(be, b, p, narrow_x);
        p->ldx = panels_depth(b);
        if (!p->x)
            return;
    }
    if (team == 1)
        kernel->run(p);
    else
        share_out(be, p, team, kernel->rows);
}

void panels_linear(struct backend *be, const struct panels *b, const struct linear_args *a)
{
    run(be, b,
        &(struct panel_product){ .rows = a->rows,
                                 .x = a->x,
                                 .ldx = a->ldx,
                                 .bias = a->bias,
                                 .gelu = a->act == ACT_GELU,
                                 .accumulate = a->accumulate,
                                 .y = a->y,
                                 .ldy = a->ldy,
                                 .narrow_y = a->narrow_y },
        a->narrow_x);
}

void panels_linear_back(struct backend *be, const struct panels *b,
                        const struct linear_back_args *a)
{
    run(be, b,
        &(struct panel_product){ .rows = a->rows,
                                 .x = a->gy,
                                 .ldx = a->ldgy,
                                 .accumulate = a->accumulate,
                                 .y = a->gx,
                                 .ldy = a->ldgx },
        false);
}
