/* Layer-wise relevance propagation (SPEC 5.4). */
#include <math.h>

#include "family.h"
#include "floats.h"
#include "ratio.h"
#include "wide.h"

/* Elements that one thread takes at a time; sums are made per chunk and added in order. */
enum { CHUNK = 8192 };

struct sums {
    double r, a, b; /* ΣR, ΣaQ, ΣbQ */
};

/* Elements from i on of lrp_add's r, ra or rb, which are float where `single`. */
INLINE vec load_relevance(const real *r, size_t i, int n, const bool single)
{
    return single ? v_load_floats((const float *)(const void *)r + i, n)
                  : v_load_part(rd(r) + i, n);
}

INLINE void store_relevance(real *r, size_t i, vec x, int n, const bool single)
{
    if (single)
        v_store_floats((float *)(void *)r + i, x, n);
    else
        v_store_part(wr(r) + i, x, n);
}

INLINE struct sums sums_of(const struct lrp_add_args *l, size_t at, int count, const bool single)
{
    const scalar *a = rd(l->a) + at, *b = rd(l->b) + at;
    wide sum_r = { 0 }, sum_a = { 0 }, sum_b = { 0 };
    for (int i = 0; i < count; i += VN) {
        int n = min_int(VN, count - i);
        vec x = v_load_part(a + i, n), y = v_load_part(b + i, n);
        vec z = load_relevance(l->r, at + (size_t)i, n, single);
        vec q = safe_ratio(z, x + y);
        wide_add(&sum_r, z);
        wide_add(&sum_a, x * q);
        wide_add(&sum_b, y * q);
    }
    return (struct sums){ wide_total(&sum_r), wide_total(&sum_a), wide_total(&sum_b) };
}

static struct sums lrp_sums(const struct lrp_add_args *l, size_t at, int count)
{
    return l->single ? sums_of(l, at, count, true) : sums_of(l, at, count, false);
}

static double scalar_ratio(double a, double b)
{
    double away = b + 1e-9;
    return b == 0 ? 0 : a / (away == 0 ? 1e-9 : away);
}

INLINE void scale_by(const struct lrp_add_args *l, size_t at, int count, scalar scale_a,
                     scalar scale_b, const bool single)
{
    const scalar *a = rd(l->a) + at, *b = rd(l->b) + at;
    for (int i = 0; i < count; i += VN) {
        int n = min_int(VN, count - i);
        vec x = v_load_part(a + i, n), y = v_load_part(b + i, n);
        vec q = safe_ratio(load_relevance(l->r, at + (size_t)i, n, single), x + y);
        store_relevance(l->ra, at + (size_t)i, x * q * scale_a, n, single);
        store_relevance(l->rb, at + (size_t)i, y * q * scale_b, n, single);
    }
}

static void lrp_scale(const struct lrp_add_args *l, size_t at, int count, scalar scale_a,
                      scalar scale_b)
{
    if (l->single)
        scale_by(l, at, count, scale_a, scale_b, true);
    else
        scale_by(l, at, count, scale_a, scale_b, false);
}

static void lrp_image(struct backend *be, const struct lrp_add_args *l, size_t image)
{
    size_t base = image * l->count, chunks = (l->count + CHUNK - 1) / CHUNK;
    struct sums *part = cpu_scratch(be, (chunks + 1) * sizeof *part), all = { 0, 0, 0 };
    if (!part)
        return;
#pragma omp parallel for num_threads(cpu_team(be)) schedule(static)
    for (size_t chunk = 0; chunk < chunks; chunk++) {
        size_t at = chunk * CHUNK;
        int count = l->count - at < CHUNK ? (int)(l->count - at) : CHUNK;
        part[chunk] = lrp_sums(l, base + at, count);
    }
    for (size_t chunk = 0; chunk < chunks; chunk++) {
        all.r += part[chunk].r;
        all.a += part[chunk].a;
        all.b += part[chunk].b;
    }
    double both = fabs(all.a) + fabs(all.b);
    double scale_a = scalar_ratio(scalar_ratio(fabs(all.a), both) * all.r, all.a);
    double scale_b = scalar_ratio(scalar_ratio(fabs(all.b), both) * all.r, all.b);
#pragma omp parallel for num_threads(cpu_team(be)) schedule(static)
    for (size_t chunk = 0; chunk < chunks; chunk++) {
        size_t at = chunk * CHUNK;
        int count = l->count - at < CHUNK ? (int)(l->count - at) : CHUNK;
        lrp_scale(l, base + at, count, (scalar)scale_a, (scalar)scale_b);
    }
}

static void lrp_add(struct backend *be, const struct lrp_add_args *l)
{
    for (int image = 0; image < l->n; image++)
        lrp_image(be, l, (size_t)image);
}

/* Elements [first, first + CHUNK) of a whole of `count`. */
static int chunk_size(size_t count, size_t first)
{
    return count - first < CHUNK ? (int)(count - first) : CHUNK;
}

static void lrp_join(struct backend *be, const struct lrp_join_args *j)
{
#pragma omp parallel for num_threads(cpu_team(be)) schedule(static)
    for (size_t first = 0; first < j->count; first += CHUNK) {
        const scalar *x = rd(j->x) + first, *r1 = rd(j->r1) + first, *r2 = rd(j->r2) + first;
        scalar *r = wr(j->r) + first;
        int count = chunk_size(j->count, first);
        for (int i = 0; i < count; i += VN) {
            int n = min_int(VN, count - i);
            vec v = v_load_part(x + i, n);
            vec sum = safe_ratio(v_load_part(r1 + i, n), v) + safe_ratio(v_load_part(r2 + i, n), v);
            v_store_part(r + i, v * sum, n);
        }
    }
}

/* One row of the gamma rule, before its products. */
INLINE void split_row(const struct gamma_split_args *a, size_t at)
{
    const scalar *y = rd(a->y) + at, *t = rd(a->t) + at, *g = rd(a->g) + at, *b = rd(a->b);
    scalar *s = wr(a->s) + at, *s_abs = wr(a->s_abs) + at, gamma = (scalar)a->gamma;
    const vec zero = v_set(0), near = v_set((scalar)1e-6);
    for (int i = 0; i < a->cols; i += VN) {
        int n = min_int(VN, a->cols - i);
        vec v = v_load_part(y + i, n), bias = v_load_part(b + i, n), both = v_load_part(t + i, n);
        vec part = v_select(v > 0, v_max(bias, zero), v_min(bias, zero));
        vec more = (v - bias + v_select(v > 0, both, -both)) * (scalar)0.5 + part;
        vec d = v + gamma * more;
        vec q = v_load_part(g + i, n) * v / (d + v_copysign(near, d));
        q = v_select(v == 0, zero, q);
        v_store_part(s + i, q, n);
        v_store_part(s_abs + i, v_select(v > 0, q, -q), n);
    }
}

static void gamma_split(struct backend *be, const struct gamma_split_args *a)
{
#pragma omp parallel for num_threads(cpu_team(be)) schedule(static)
    for (int row = 0; row < a->rows; row++)
        split_row(a, (size_t)row * (size_t)a->cols);
}

static void gamma_join(struct backend *be, const struct gamma_join_args *j)
{
    scalar all = (scalar)(1 + j->gamma / 2), half = (scalar)(j->gamma / 2);
#pragma omp parallel for num_threads(cpu_team(be)) schedule(static)
    for (size_t first = 0; first < j->count; first += CHUNK) {
        const scalar *x = rd(j->x) + first, *a = rd(j->a) + first, *b = rd(j->b) + first;
        scalar *gx = wr(j->gx) + first;
        int count = chunk_size(j->count, first);
        for (int i = 0; i < count; i += VN) {
            int n = min_int(VN, count - i);
            vec w = v_select(v_load_part(x + i, n) > 0, v_set(half), v_set(-half));
            v_store_part(gx + i, all * v_load_part(a + i, n) + w * v_load_part(b + i, n), n);
        }
    }
}

void CPU_VEC(lrp_ops)(struct ops *op)
{
    op->lrp_add = lrp_add;
    op->lrp_join = lrp_join;
    op->gamma_split = gamma_split;
    op->gamma_join = gamma_join;
}
