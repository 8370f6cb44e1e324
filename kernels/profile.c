#include "profile.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sizes.h"

struct sized { /* a weight and its shape, which otherwise only its backend knows */
    const struct weight *w;
    double out, in;
};

struct profile {
    struct ops plain;
    struct profile_row rows[PROFILE_ROWS];
    struct sized *weights;
    size_t count, room;
};

struct cost {
    double flops, bytes;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- what an operation does at least --------------------------------------------------------- */

static struct sized size_of(const struct backend *be, const struct weight *w)
{
    for (size_t i = 0; i < be->profile->count; i++)
        if (be->profile->weights[i].w == w)
            return be->profile->weights[i];
    return (struct sized){ w, 0, 0 };
}

static struct cost product(const struct backend *be, const struct weight *w, double rows,
                           bool accumulate)
{
    struct sized s = size_of(be, w);
    double element = (double)be->real_size;
    return (struct cost){ 2 * rows * s.out * s.in,
                          element *
                              (rows * s.in + s.in * s.out + rows * s.out * (accumulate ? 2 : 1)) };
}

static struct cost cost_linear(const struct backend *be, const struct linear_args *a)
{
    return product(be, a->w, a->rows, a->accumulate);
}

static struct cost cost_linear_back(const struct backend *be, const struct linear_back_args *a)
{
    return product(be, a->w, a->rows, a->accumulate);
}

/* Two products: Z, and Q times the elements of W whose sign is x's. */
static struct cost cost_linear_lrp(const struct backend *be, const struct linear_lrp_args *a)
{
    struct sized s = size_of(be, a->w);
    double in = s.in, out = s.out;
    return (struct cost){ 4 * a->rows * in * out,
                          (double)be->real_size * (a->rows * 2 * (in + out) + in * out) };
}

static struct cost cost_matmul(const struct backend *be, const struct matmul_args *a)
{
    double m = a->m, n = a->n, k = a->k, batch = (double)a->b0 * a->b1;
    return (struct cost){ 2 * batch * m * n * k,
                          (double)be->real_size * batch * (m * k + k * n + m * n) };
}

static struct cost cost_attention(const struct backend *be, const struct attention_args *a)
{
    double len = a->len, wide = (double)a->heads * a->dim;
    double maps = a->probs != NULL ? (double)a->heads * len * len : 0;
    return (struct cost){ 4 * a->n * len * len * wide,
                          (double)be->real_size * a->n * (4 * len * wide + maps) };
}

/* Per token, channel and state: one exponential, and six operations around it. */
static struct cost cost_scan(const struct backend *be, const struct scan_args *a)
{
    double cells = (double)a->n * a->len * a->chan;
    double xdbl = (double)a->n * a->len * (a->rank + 2.0 * a->state);
    return (struct cost){ 2 * cells * (7.0 * a->state + 2.0 * a->rank),
                          (double)be->real_size * (cells * 4 + 2 * xdbl) };
}

static struct cost cost_conv_silu(const struct backend *be, const struct conv_silu_args *a)
{
    double cells = (double)a->n * a->len * a->chan;
    return (struct cost){ 4 * cells * a->taps, (double)be->real_size * cells * 3 };
}

static struct cost cost_rmsnorm(const struct backend *be, const struct rmsnorm_args *a)
{
    double cells = (double)a->rows * a->width;
    return (struct cost){ 4 * cells, (double)be->real_size * cells * (a->h != NULL ? 4 : 2) };
}

static struct cost cost_layernorm(const struct backend *be, const struct layernorm_args *a)
{
    double cells = (double)a->rows * a->width;
    return (struct cost){ 6 * cells, (double)be->real_size * cells * (a->h != NULL ? 4 : 2) };
}

static struct cost cost_map2(const struct backend *be, const struct map2_args *a)
{
    return (struct cost){ (double)a->count,
                          (double)be->real_size * (double)a->count * (a->b != NULL ? 3 : 2) };
}

static struct cost cost_to_single(const struct backend *be, const struct to_single_args *a)
{
    return (struct cost){ (double)a->count,
                          (double)(be->real_size + sizeof(float)) * (double)a->count };
}

static struct cost cost_patchify(const struct backend *be, const struct patchify_args *a)
{
    double values = 3.0 * a->n * a->grid * a->grid * a->patch * a->patch;
    return (struct cost){ 2 * values,
                          (double)be->real_size * values + 7.0 * a->n * a->side * a->side };
}

/* Operations whose cost is not modelled: only their time is measured. */
#define UNCOUNTED(name)                                                                            \
    static struct cost cost_##name(const struct backend *be, const void *a)                        \
    {                                                                                              \
        (void)be;                                                                                  \
        (void)a;                                                                                   \
        return (struct cost){ 0, 0 };                                                              \
    }
UNCOUNTED(embed)
UNCOUNTED(rmsnorm_back)
UNCOUNTED(layernorm_back)
UNCOUNTED(conv_silu_back)
UNCOUNTED(scan_back)
UNCOUNTED(hidden_row)
UNCOUNTED(hidden_matrix)
UNCOUNTED(hidden_identity)
UNCOUNTED(channel_reduce)
UNCOUNTED(unified_row)
UNCOUNTED(softmax_back)
UNCOUNTED(head_mean)
UNCOUNTED(rollout)
UNCOUNTED(lrp_add)
UNCOUNTED(lrp_join)
UNCOUNTED(row_reduce)
UNCOUNTED(heat)
UNCOUNTED(rank)
UNCOUNTED(impute)
UNCOUNTED(fold)
UNCOUNTED(noise)
UNCOUNTED(mix)
UNCOUNTED(gamma_split)
UNCOUNTED(gamma_join)
UNCOUNTED(scan_influence)

/* ---- the wrappers ---------------------------------------------------------------------------- */

#define ROW_INDEX(name, args) ROW_##name,
enum { OP_LIST(ROW_INDEX) };
#undef ROW_INDEX

static void add(struct profile_row *row, double seconds, struct cost c)
{
#pragma omp atomic
    row->calls++;
#pragma omp atomic
    row->seconds += seconds;
#pragma omp atomic
    row->flops += c.flops;
#pragma omp atomic
    row->bytes += c.bytes;
}

/* A separate device returns before the work is done. */
static void finish(struct backend *be)
{
    if (be->memory != NULL)
        be_wait(be);
}

#define WRAPPER(name, args)                                                                        \
    static void timed_##name(struct backend *be, const args *a)                                    \
    {                                                                                              \
        finish(be);                                                                                \
        double start = now();                                                                      \
        be->profile->plain.name(be, a);                                                            \
        finish(be);                                                                                \
        double seconds = now() - start;                                                            \
        add(&be->profile->rows[ROW_##name], seconds, cost_##name(be, a));                          \
    }
OP_LIST(WRAPPER)
#undef WRAPPER

static struct weight *weight_new(struct backend *be, const float *w, int out, int in, unsigned uses)
{
    struct profile *p = be->profile;
    struct weight *made = p->plain.weight_new(be, w, out, in, uses);
    if (!grow_array(&p->weights, &p->room, p->count, sizeof *p->weights))
        return made; /* products with it then count no operations */
    p->weights[p->count++] = (struct sized){ made, out, in };
    return made;
}

void profile_reset(struct backend *be)
{
#define ROW_NAME(name, args) #name,
    static const char *const names[] = { OP_LIST(ROW_NAME) };
#undef ROW_NAME
    for (int i = 0; i < PROFILE_ROWS; i++)
        be->profile->rows[i] = (struct profile_row){ .op = names[i] };
}

enum status profile_begin(struct backend *be, struct error *err)
{
    struct profile *p = calloc(1, sizeof *p);
    if (p == NULL)
        return fail(err, E_NOMEM, "out of memory");
    p->plain = be->op;
    be->profile = p;
    profile_reset(be);
#define PUT_IN(name, args) be->op.name = timed_##name;
    OP_LIST(PUT_IN)
#undef PUT_IN
    be->op.weight_new = weight_new;
    return OK;
}

void profile_read(const struct backend *be, struct profile_row *rows)
{
    memcpy(rows, be->profile->rows, sizeof be->profile->rows);
}

void profile_end(struct backend *be)
{
    if (be->profile == NULL)
        return;
    be->op = be->profile->plain;
    free(be->profile->weights);
    free(be->profile);
    be->profile = NULL;
}
