/* oneDNN primitives are made once per shape and kept in a list that only grows at its head, so that
 * readers need no lock. They are made for one thread: what a primitive computes must not depend on
 * how many threads the process has. */
#include "linear_pack.h"

#include <dnnl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "bf16.h"
#include "cpu.h"
#include "sizes.h"

/* What a primitive was made for. */
struct shape {
    int rows;
    size_t ldx, ldy; /* 0 for ldx: x is dense */
    bool bias, gelu, accumulate;
};

struct primitive {
    struct shape shape;
    dnnl_primitive_t run;
    dnnl_memory_desc_t x, y, bias;
    size_t scratch; /* bytes */
    struct primitive *next;
};

struct pack {
    int k, n;
    bool bf16;
    dnnl_engine_t engine;
    dnnl_memory_desc_t desc; /* as oneDNN prefers it for blocks of rows */
    void *data;
    _Atomic(struct primitive *) first;
    pthread_mutex_t making;
};

static dnnl_data_type_t type_of(const struct pack *p)
{
    return p->bf16 ? dnnl_bf16 : dnnl_f32;
}

/* [rows, cols] with ld between rows. */
static bool describe(dnnl_memory_desc_t *d, dnnl_data_type_t type, int rows, int cols, size_t ld)
{
    dnnl_dims_t dims = { rows, cols }, strides = { (dnnl_dim_t)ld, 1 };
    return dnnl_memory_desc_init_by_strides(d, 2, dims, type, strides) == dnnl_success;
}

static bool add_post_ops(dnnl_primitive_attr_t attr, const struct shape *s)
{
    if (dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user) != dnnl_success)
        return false;
    if (!s->gelu && !s->accumulate)
        return true;
    dnnl_post_ops_t ops;
    if (dnnl_post_ops_create(&ops) != dnnl_success)
        return false;
    bool ok = true;
    if (s->gelu)
        ok = dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_gelu_erf, 0, 0) == dnnl_success;
    if (s->accumulate)
        ok = ok && dnnl_post_ops_append_sum(ops, 1) == dnnl_success;
    ok = ok && dnnl_primitive_attr_set_post_ops(attr, ops) == dnnl_success;
    dnnl_post_ops_destroy(ops);
    return ok;
}

/* The descriptor of y = x B for one shape; B's layout from *weights, which may be "any". */
static dnnl_primitive_desc_t make_desc(const struct pack *p, struct primitive *prim,
                                       const dnnl_memory_desc_t *weights)
{
    const struct shape *s = &prim->shape;
    dnnl_dims_t bias_dims = { 1, p->n };
    bool ok =
        describe(&prim->x, type_of(p), s->rows, p->k, s->ldx ? s->ldx : (size_t)p->k) &&
        describe(&prim->y, dnnl_f32, s->rows, p->n, s->ldy) &&
        dnnl_memory_desc_init_by_tag(&prim->bias, 2, bias_dims, dnnl_f32, dnnl_ab) == dnnl_success;
    dnnl_matmul_desc_t desc;
    ok = ok && dnnl_matmul_desc_init(&desc, &prim->x, weights, s->bias ? &prim->bias : NULL,
                                     &prim->y) == dnnl_success;
    dnnl_primitive_attr_t attr;
    if (!ok || dnnl_primitive_attr_create(&attr) != dnnl_success)
        return NULL;
    dnnl_primitive_desc_t out = NULL;
    if (!add_post_ops(attr, s) ||
        dnnl_primitive_desc_create(&out, &desc, attr, p->engine, NULL) != dnnl_success)
        out = NULL;
    dnnl_primitive_attr_destroy(attr);
    return out;
}

static struct primitive *make_primitive(const struct pack *p, const struct shape *s)
{
    struct primitive *prim = calloc(1, sizeof *prim);
    if (!prim)
        return NULL;
    prim->shape = *s;
    int threads = omp_get_max_threads();
    omp_set_num_threads(1); /* of this thread's later regions only */
    dnnl_primitive_desc_t desc = make_desc(p, prim, &p->desc);
    bool ok = desc && dnnl_primitive_create(&prim->run, desc) == dnnl_success;
    omp_set_num_threads(threads);
    if (ok)
        prim->scratch = dnnl_memory_desc_get_size(
            dnnl_primitive_desc_query_md(desc, dnnl_query_scratchpad_md, 0));
    if (desc)
        dnnl_primitive_desc_destroy(desc);
    if (ok)
        return prim;
    free(prim);
    return NULL;
}

static struct primitive *find(struct primitive *list, const struct shape *s)
{
    while (list && (list->shape.rows != s->rows || list->shape.ldx != s->ldx ||
                    list->shape.ldy != s->ldy || list->shape.bias != s->bias ||
                    list->shape.gelu != s->gelu || list->shape.accumulate != s->accumulate))
        list = list->next;
    return list;
}

static struct primitive *primitive_for(struct pack *p, const struct shape *s)
{
    struct primitive *prim = find(atomic_load(&p->first), s);
    if (prim)
        return prim;
    pthread_mutex_lock(&p->making);
    struct primitive *first = atomic_load(&p->first);
    prim = find(first, s);
    if (!prim && (prim = make_primitive(p, s))) {
        prim->next = first;
        atomic_store(&p->first, prim);
    }
    pthread_mutex_unlock(&p->making);
    return prim;
}

void pack_free(struct pack *p)
{
    if (!p)
        return;
    struct primitive *prim = atomic_load(&p->first);
    while (prim) {
        struct primitive *next = prim->next;
        dnnl_primitive_destroy(prim->run);
        free(prim);
        prim = next;
    }
    if (p->engine)
        dnnl_engine_destroy(p->engine);
    free(p->data);
    pthread_mutex_destroy(&p->making);
    free(p);
}

/* Runs one primitive with up to six arguments given as (index, descriptor, data). */
struct operand {
    int arg;
    const dnnl_memory_desc_t *desc;
    const void *data;
};

static bool execute(dnnl_engine_t engine, dnnl_primitive_t run, const struct operand *operands,
                    int count)
{
    dnnl_exec_arg_t args[6];
    int made = 0;
    dnnl_stream_t stream = NULL;
    bool ok = dnnl_stream_create(&stream, engine, dnnl_stream_default_flags) == dnnl_success;
    for (; ok && made < count; made++) {
        args[made].arg = operands[made].arg;
        ok = dnnl_memory_create(&args[made].memory, operands[made].desc, engine,
                                (void *)(uintptr_t)operands[made].data) == dnnl_success;
        if (!ok)
            break;
    }
    ok = ok && dnnl_primitive_execute(run, stream, count, args) == dnnl_success &&
         dnnl_stream_wait(stream) == dnnl_success;
    while (made > 0)
        dnnl_memory_destroy(args[--made].memory);
    if (stream)
        dnnl_stream_destroy(stream);
    return ok;
}

/* Asks oneDNN how it wants B for a block of rows, and reorders B into that. */
static bool reorder(struct pack *p, const float *plain, bool transposed)
{
    dnnl_memory_desc_t from, any;
    dnnl_dims_t dims = { p->k, p->n }, rowwise = { p->n, 1 }, colwise = { 1, p->k };
    enum { TYPICAL_ROWS = 64 };
    struct primitive typical = { .shape = {
                                     .rows = TYPICAL_ROWS, .ldy = (size_t)p->n, .bias = true } };
    if (dnnl_memory_desc_init_by_strides(&from, 2, dims, dnnl_f32,
                                         transposed ? colwise : rowwise) != dnnl_success ||
        dnnl_memory_desc_init_by_tag(&any, 2, dims, type_of(p), dnnl_format_tag_any) !=
            dnnl_success)
        return false;
    dnnl_primitive_desc_t desc = make_desc(p, &typical, &any), move = NULL;
    if (!desc)
        return false;
    p->desc = *dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 0);
    dnnl_primitive_desc_destroy(desc);
    p->data = aligned_alloc(64, round_up(dnnl_memory_desc_get_size(&p->desc), 64));
    if (!p->data || dnnl_reorder_primitive_desc_create(&move, &from, p->engine, &p->desc, p->engine,
                                                       NULL) != dnnl_success)
        return false;
    dnnl_primitive_t run = NULL;
    bool ok = dnnl_primitive_create(&run, move) == dnnl_success;
    dnnl_primitive_desc_destroy(move);
    const struct operand operands[] = { { DNNL_ARG_FROM, &from, plain },
                                        { DNNL_ARG_TO, &p->desc, p->data } };
    ok = ok && execute(p->engine, run, operands, 2);
    if (run)
        dnnl_primitive_destroy(run);
    return ok;
}

struct pack *pack_new(const float *host, int k, int n, bool transposed, bool bf16)
{
    /* oneDNN caches primitives for the whole process, and reuses one that was made under other
     * conditions for the same shape, which has given other bits. So its cache is off; a pack keeps
     * its own primitives, and none is made twice. */
    dnnl_set_primitive_cache_capacity(0);
    struct pack *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->k = k;
    p->n = n;
    p->bf16 = bf16;
    pthread_mutex_init(&p->making, NULL);
    int threads = omp_get_max_threads();
    omp_set_num_threads(1);
    bool ok =
        dnnl_engine_create(&p->engine, dnnl_cpu, 0) == dnnl_success && reorder(p, host, transposed);
    omp_set_num_threads(threads);
    if (ok)
        return p;
    pack_free(p);
    return NULL;
}

/* x as bf16, dense, in `to` [rows, k]. */
static void to_bf16(uint16_t *to, const struct product *q, int k)
{
    for (int r = 0; r < q->rows; r++)
        cpu_bf16_row(to + (size_t)r * (size_t)k, q->x + (size_t)r * q->ldx, (size_t)k);
}

void pack_run(struct backend *be, struct pack *p, const struct product *q)
{
    struct shape shape = { .rows = q->rows,
                           .ldx = p->bf16 || q->ldx == (size_t)p->k ? 0 : q->ldx,
                           .ldy = q->ldy,
                           .bias = q->bias,
                           .gelu = q->gelu,
                           .accumulate = q->accumulate };
    struct primitive *prim = primitive_for(p, &shape);
    if (!prim) {
        cpu_fail(be, E_DEVICE, "oneDNN has no matmul [%d, %d] x [%d, %d]", q->rows, p->k, p->k,
                 p->n);
        return;
    }
    size_t convert = p->bf16 ? round_up((size_t)q->rows * (size_t)p->k * sizeof(uint16_t), 64) : 0;
    char *memory = cpu_scratch(be, convert + prim->scratch + 64);
    if (!memory)
        return;
    const void *x = q->x;
    if (p->bf16) {
        to_bf16((uint16_t *)(void *)memory, q, p->k);
        x = memory;
    }
    dnnl_dims_t scratch_dims = { (dnnl_dim_t)prim->scratch + 1 };
    dnnl_memory_desc_t scratch;
    dnnl_memory_desc_init_by_tag(&scratch, 1, scratch_dims, dnnl_u8, dnnl_a);
    const struct operand operands[] = { { DNNL_ARG_SRC, &prim->x, x },
                                        { DNNL_ARG_WEIGHTS, &p->desc, p->data },
                                        { DNNL_ARG_DST, &prim->y, q->y },
                                        { DNNL_ARG_SCRATCHPAD, &scratch, memory + convert },
                                        { DNNL_ARG_BIAS, &prim->bias, q->bias } };
    if (!execute(p->engine, prim->run, operands, q->bias ? 5 : 4))
        cpu_fail(be, E_DEVICE, "oneDNN failed in a matmul [%d, %d] x [%d, %d]", q->rows, p->k, p->k,
                 p->n);
}
