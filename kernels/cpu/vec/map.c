/* Elementwise functions. */
#include <math.h>

#include "family.h"
#include "floats.h"
#include "ratio.h"
#include "verf.h"

/* Elements that one thread takes at a time. */
enum { CHUNK = 8192 };

static double tanh_slope(double x)
{
    return 1 / (cosh(x) * cosh(x));
}

static double tanh_ratio(double x)
{
    return x == 0 ? 1 : tanh(x) / x;
}

/* Lane by lane: slow, and so only for what stands before a head. */
INLINE vec each(vec a, double (*f)(double))
{
    scalar part[VN];
    v_store_part(part, a, VN);
    for (int i = 0; i < VN; i++)
        part[i] = (scalar)f((double)part[i]);
    return v_load_part(part, VN);
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
    case MAP_GELU_GATE:
        return b * v_normal_share(a);
    case MAP_TANH_GELU:
        return a * v_curved_gate(a, TANH_GELU_C, TANH_GELU_D);
    case MAP_TANH_GELU_BACK:
        return b * v_curved_slope(a, TANH_GELU_C, TANH_GELU_D);
    case MAP_TANH_GELU_GATE:
        return b * v_curved_gate(a, TANH_GELU_C, TANH_GELU_D);
    case MAP_QUICK_GELU:
        return a * v_curved_gate(a, QUICK_GELU_C, 0);
    case MAP_QUICK_GELU_BACK:
        return b * v_curved_slope(a, QUICK_GELU_C, 0);
    case MAP_QUICK_GELU_GATE:
        return b * v_curved_gate(a, QUICK_GELU_C, 0);
    case MAP_SILU:
        return v_silu(a);
    case MAP_SILU_BACK:
        return b * v_silu_slope(a);
    case MAP_SILU_GATE:
        return b * v_sigmoid(a);
    case MAP_TANH:
        return each(a, tanh);
    case MAP_TANH_BACK:
        return b * each(a, tanh_slope);
    case MAP_TANH_GATE:
        return b * each(a, tanh_ratio);
    case MAP_POSITIVE:
        return v_max(a, v_set(0));
    case MAP_NEGATIVE:
        return v_min(a, v_set(0));
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
            CASE(MAP_GELU_GATE)
            CASE(MAP_TANH_GELU)
            CASE(MAP_TANH_GELU_BACK)
            CASE(MAP_TANH_GELU_GATE)
            CASE(MAP_QUICK_GELU)
            CASE(MAP_QUICK_GELU_BACK)
            CASE(MAP_QUICK_GELU_GATE)
            CASE(MAP_SILU)
            CASE(MAP_SILU_BACK)
            CASE(MAP_SILU_GATE)
            CASE(MAP_TANH)
            CASE(MAP_TANH_BACK)
            CASE(MAP_TANH_GATE)
            CASE(MAP_POSITIVE)
            CASE(MAP_NEGATIVE)
            CASE(MAP_COPY)
        case MAP2_COUNT:
            break;
        }
#undef CASE
    }
}

static void to_single(struct backend *be, const struct to_single_args *t)
{
    size_t chunks = (t->count + CHUNK - 1) / CHUNK;
#pragma omp parallel for num_threads(chunks > 1 ? cpu_team(be) : 1) schedule(static)
    for (size_t chunk = 0; chunk < chunks; chunk++) {
        const scalar *x = rd(t->x) + chunk * CHUNK;
        float *out = (float *)(void *)t->out + chunk * CHUNK;
        int count = chunk < chunks - 1 ? CHUNK : (int)(t->count - chunk * CHUNK);
        for (int i = 0; i < count; i += VN) {
            int n = min_int(VN, count - i);
            v_store_floats(out + i, v_load_part(x + i, n), n);
        }
    }
}

void CPU_VEC(map_ops)(struct ops *op)
{
    op->to_single = to_single;
    op->map2 = map2;
}
