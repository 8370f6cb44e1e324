#include "ref.h"

#include <stdlib.h>
#include <string.h>

#include "backend_list.h"
#include "ref_num.h"
#include "sizes.h"

void ref_fill_ops(struct ops *op, size_t real_size)
{
    *op = real_size == sizeof(double) ? ref64_ops : ref32_ops;
}

double *ref_scratch(struct backend *be, size_t count)
{
    double *p = calloc(count == 0 ? 1 : count, sizeof *p);
    if (p == NULL)
        fail(&be->failed, E_NOMEM, "out of memory: %zu numbers of scratch", count);
    return p;
}

static void *ref_alloc(struct backend *be, size_t bytes)
{
    (void)be;
    size_t padded;
    if (!size_add(bytes, 64, &padded))
        return NULL;
    return aligned_alloc(64, round_up(padded - 63, 64));
}

static void ref_free(struct backend *be, void *p)
{
    (void)be;
    free(p);
}

static void ref_copy(struct backend *be, void *to, const void *from, size_t bytes)
{
    (void)be;
    if (bytes != 0)
        memcpy(to, from, bytes);
}

/* Lanes of the CPU backend call this at the same time; as long as nothing fails they only read.
 */
static enum status ref_sync(struct backend *be, struct error *err)
{
    enum status code = __atomic_load_n(&be->failed.code, __ATOMIC_ACQUIRE);
    if (code == OK)
        return OK;
    if (err != NULL)
        *err = be->failed;
    __atomic_store_n(&be->failed.code, OK, __ATOMIC_RELEASE);
    return code;
}

static void ref_destroy(struct backend *be)
{
    free(be);
}

static enum status ref_single(struct backend *be, struct backend **out, struct error *err)
{
    (void)be;
    return open_ref(&(struct backend_options){ .simd = "" }, out, err);
}

void ref_fill_memory(struct backend *be)
{
    be->alloc = ref_alloc;
    be->free = ref_free;
    be->upload = ref_copy;
    be->download = ref_copy;
    be->sync = ref_sync;
    be->destroy = ref_destroy;
}

static enum status ref_open(enum precision precision, const struct backend_options *options,
                            struct backend **out, struct error *err)
{
    bool is_double = precision == PRECISION_DOUBLE;
    /* PRECISION_FP32 is the value of zeroed options, which ask for no precision. */
    if (options->precision != PRECISION_FP32 && options->precision != precision)
        return fail(err, E_CONFIG, "the reference backend %s computes in %s only",
                    is_double ? "ref64" : "ref", is_double ? "double" : "fp32");
    struct backend *be = calloc(1, sizeof *be);
    if (be == NULL)
        return fail(err, E_NOMEM, "out of memory: a backend");
    be->real_size = is_double ? sizeof(double) : sizeof(float);
    be->precision = precision;
    be->threads = 1;
    be->lanes = 1;
    ref_fill_memory(be);
    ref_fill_ops(&be->op, be->real_size);
    be->open_single = is_double ? ref_single : NULL;
    *out = be;
    return OK;
}

enum status open_ref(const struct backend_options *options, struct backend **out, struct error *err)
{
    return ref_open(PRECISION_FP32, options, out, err);
}

enum status open_ref64(const struct backend_options *options, struct backend **out,
                       struct error *err)
{
    return ref_open(PRECISION_DOUBLE, options, out, err);
}
