/* Element types of a checkpoint and strided views of raw storages, read into fp32. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "checkpoint.h"
#include "status.h"

enum dtype {
    DTYPE_F32,
    DTYPE_F16,
    DTYPE_BF16,
    DTYPE_F64,
    DTYPE_I64,
    DTYPE_I32,
    DTYPE_I16,
    DTYPE_I8,
    DTYPE_U64,
    DTYPE_U32,
    DTYPE_U16,
    DTYPE_U8,
    DTYPE_BOOL,
    /* For the types below only the size is known, so that a stream can be read past them. */
    DTYPE_C64,
    DTYPE_C128,
    DTYPE_QI8,
    DTYPE_QU8,
    DTYPE_QI32,
    DTYPE_COUNT
};

#define DTYPES_READ "F64, F32, F16, BF16, I8-I64, U8-U64 and BOOL are read"

size_t dtype_size(enum dtype); /* bytes of an element */
const char *dtype_name(enum dtype);
bool dtype_is_read(enum dtype);  /* can become fp32 */
bool dtype_is_whole(enum dtype); /* integers */
bool dtype_of_safetensors(const char *name, enum dtype *out);
/* Finds a type by the class that torch names in a persistent id: "FloatStorage". */
bool dtype_of_storage(const char *name, size_t size, enum dtype *out);

struct strided_view {
    enum dtype dtype;
    int ndim;
    int64_t shape[TENSOR_MAX_DIMS];
    int64_t stride[TENSOR_MAX_DIMS]; /* elements */
    int64_t offset;                  /* elements */
};

/* Refuses a view that is negative anywhere, overflows, or leaves a storage of `elements`; *count
 * becomes its number of elements. */
enum status view_check(const struct strided_view *, int64_t elements, size_t *count,
                       struct error *err);

/* Reads a view row-major into out[count]; `swap` where the storage is big-endian. The view must
 * have been checked. */
void view_read(const struct strided_view *, const uint8_t *storage, bool swap, float *out);

/* Round to nearest even; infinite beyond 65504 (and for an infinite or NaN input). */
uint16_t half_from_float(float);
