/* Elementwise functions, and the LRP of a residual sum (SPEC 5.4). */
#include <math.h>

#include "family.h"
#include "verf.h"
#include "wide.h"

/* Elements that one thread takes at a time; sums are made per chunk and added in order. */
enum { CHUNK = 8192 };

/* S(a, b) = a / (b + 1e-9), 1e-9 for a denominator of 0; 0 where b = 0. */
INLINE vec safe_ratio(vec a, vec b)
{
    vec away = b + (scalar)1e-9;
    away = v_pick(away == 0, v_set((scalar)1e-9), away);
    return v_pick(b == 0, v_set(0), a / away);
}

INLINE vec apply(enum map2 f, vec a, vec b)
{
    switch (f) {
    case MAP_ADD:
        return a + b;
    case MAP_MUL:
        return a * b;
    case MAP_RATIO:
        return safe_ratio(a, b);
    case MAP_ABS:
        return v_abs(a);
    case MAP_GELU:
        return v_gelu(a);
    case MAP_GELU_BACK:
        return b * v_gelu_slope(a);
    case MAP_COPY:
    case MAP2_COUNT:
        break;
    }
    return a;
}

/* One chunk. f is a constant where this is inlined. */
INLINE void run(enum map2 f, const struct map2_args *m, size_t at, int count)
{
    const scalar *a = rd(m->a) + at, *b = m->b ? rd(m->b) + at : a;
    scalar *out = wr(m->out) + at, scale = (scalar)m->scale;
    for (int i = 0; i < count; i += VN) {
        int n = min_int(VN, count - i);
        vec y = apply(f, v_load_part(a + i, n), v_load_part(b + i, n));
        v_store_part(out + i, y * scale, n);
    }
}

static void map2(struct backend *be, const struct map2_args *m)
{
    size_t chunks = (m->count + CHUNK - 1) / CHUNK;
#pragma omp parallel for num_threads(chunks > 1 ? cpu_team(be) : 1) schedule(static)
    for (size_t chunk = 0; chunk < chunks; chunk++) {
        size_t at = chunk * CHUNK;
        int count = m->count - at < CHUNK ? (int)(m->count - at) : CHUNK;
#define CASE(f)                                                                                    \
    case f:                                                                                        \
        run(f, m, at, count);                                                                      \
        break;
        switch (m->f) {
            CASE(MAP_ADD)
            CASE(MAP_MUL)
            CASE(MAP_RATIO)
            CASE(MAP_ABS)
            CASE(MAP_GELU)
            CASE(MAP_GELU_BACK)
            CASE(MAP_COPY)
        case MAP2_COUNT:
            break;
        }
#undef CASE
    }
}

struct sums {
    double r, a, b; /* ΣR, ΣaQ, ΣbQ */
};

static struct sums lrp_sums(const scalar *a, const scalar *b, const scalar *r, int count)
{
    wide sum_r = { 0 }, sum_a = { 0 }, sum_b = { 0 };
    for (int i = 0; i < count; i += VN) {
        int n = min_int(VN, count - i);
        vec x = v_load_part(a + i, n), y = v_load_part(b + i, n), z = v_load_part(r + i, n);
        vec q = safe_ratio(z, x + y);
        wide_add(&sum_r, z);
        wide_add(&sum_a, x * q);
        wide_add(&sum_b, y * q);
    }
    return (struct sums){ wide_total(&sum_r), wide_total(&sum_a), wide_total(&sum_b) };
}

static double scalar_ratio(double a, double b)
{
    double away = b + 1e-9;
    return b == 0 ? 0 : a / (away == 0 ? 1e-9 : away);
}

static void lrp_scale(const struct lrp_add_args *l, size_t at, int count, scalar scale_a,
                      scalar scale_b)
{
    const scalar *a = rd(l->a) + at, *b = rd(l->b) + at, *r = rd(l->r) + at;
    scalar *ra = wr(l->ra) + at, *rb = wr(l->rb) + at;
    for (int i = 0; i < count; i += VN) {
        int n = min_int(VN, count - i);
        vec x = v_load_part(a + i, n), y = v_load_part(b + i, n);
        vec q = safe_ratio(v_load_part(r + i, n), x + y);
        v_store_part(ra + i, x * q * scale_a, n);
        v_store_part(rb + i, y * q * scale_b, n);
    }
}

static void lrp_image(struct backend *be, const struct lrp_add_args *l, size_t image)
{
    size_t base = image * l->count, chunks = (l->count + CHUNK - 1) / CHUNK;
    struct sums *part = cpu_scratch(be, (chunks + 1) * sizeof *part), all = { 0, 0, 0 };
    if (!part)
        return;
#pragma omp parallel for num_threads(cpu_team(be)) schedule(static)
    for (size_t chunk = 0; chunk < chunks; chunk++) {
        size_t at = chunk * CHUNK, i = base + at;
        int count = l->count - at < CHUNK ? (int)(l->count - at) : CHUNK;
        part[chunk] = lrp_sums(rd(l->a) + i, rd(l->b) + i, rd(l->r) + i, count);
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

void CPU_VEC(map_ops)(struct ops *op)
{
    op->map2 = map2;
    op->lrp_add = lrp_add;
}
