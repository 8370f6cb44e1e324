#include "elements.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "sizes.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "storages are read as little-endian");

static const struct {
    const char *name;    /* as in safetensors */
    const char *storage; /* as in torch; NULL where it has none */
    size_t size;
} dtypes[DTYPE_COUNT] = {
    [DTYPE_F32] = { "F32", "FloatStorage", 4 },
    [DTYPE_F16] = { "F16", "HalfStorage", 2 },
    [DTYPE_BF16] = { "BF16", "BFloat16Storage", 2 },
    [DTYPE_F64] = { "F64", "DoubleStorage", 8 },
    [DTYPE_I64] = { "I64", "LongStorage", 8 },
    [DTYPE_I32] = { "I32", "IntStorage", 4 },
    [DTYPE_I16] = { "I16", "ShortStorage", 2 },
    [DTYPE_I8] = { "I8", "CharStorage", 1 },
    [DTYPE_U64] = { "U64", NULL, 8 },
    [DTYPE_U32] = { "U32", NULL, 4 },
    [DTYPE_U16] = { "U16", NULL, 2 },
    [DTYPE_U8] = { "U8", "ByteStorage", 1 },
    [DTYPE_BOOL] = { "BOOL", "BoolStorage", 1 },
    [DTYPE_C64] = { "C64", "ComplexFloatStorage", 8 },
    [DTYPE_C128] = { "C128", "ComplexDoubleStorage", 16 },
    [DTYPE_QI8] = { "QI8", "QInt8Storage", 1 },
    [DTYPE_QU8] = { "QU8", "QUInt8Storage", 1 },
    [DTYPE_QI32] = { "QI32", "QInt32Storage", 4 },
};

size_t dtype_size(enum dtype d)
{
    return dtypes[d].size;
}

const char *dtype_name(enum dtype d)
{
    return dtypes[d].name;
}

bool dtype_is_read(enum dtype d)
{
    return d < DTYPE_C64;
}

bool dtype_is_whole(enum dtype d)
{
    return d >= DTYPE_I64 && d <= DTYPE_BOOL;
}

bool dtype_of_safetensors(const char *name, enum dtype *out)
{
    for (int d = 0; d < DTYPE_COUNT; d++) {
        if (strcmp(dtypes[d].name, name) == 0) {
            *out = (enum dtype)d;
            return dtype_is_read(*out);
        }
    }
    return false;
}

bool dtype_of_storage(const char *name, size_t size, enum dtype *out)
{
    for (int d = 0; d < DTYPE_COUNT; d++) {
        const char *s = dtypes[d].storage;
        if (s != NULL && strlen(s) == size && memcmp(s, name, size) == 0) {
            *out = (enum dtype)d;
            return true;
        }
    }
    return false;
}

enum status view_check(const struct strided_view *v, int64_t elements, size_t *count,
                       struct error *err)
{
    size_t n = 1;
    int64_t last = v->offset; /* the furthest element that is touched */
    if (v->offset < 0 || v->offset > elements)
        return fail(err, E_DATA,
                    "offset %" PRId64 " is outside its storage of %" PRId64 " elements", v->offset,
                    elements);
    for (int i = 0; i < v->ndim; i++) {
        int64_t reach;
        if (v->shape[i] < 0 || v->stride[i] < 0)
            return fail(err, E_DATA,
                        "dimension %d has size %" PRId64 " and stride %" PRId64
                        "; neither may be negative",
                        i, v->shape[i], v->stride[i]);
        if (!size_mul(n, (size_t)v->shape[i], &n))
            return fail(err, E_DATA, "its shape has more elements than can be counted");
        if (v->shape[i] > 0 && (__builtin_mul_overflow(v->shape[i] - 1, v->stride[i], &reach) ||
                                __builtin_add_overflow(last, reach, &last)))
            return fail(err, E_DATA,
                        "dimension %d (size %" PRId64 ", stride %" PRId64
                        ") leaves its storage of %" PRId64 " elements",
                        i, v->shape[i], v->stride[i], elements);
    }
    if (n > 0 && last >= elements)
        return fail(err, E_DATA,
                    "its shape, strides and offset reach element %" PRId64
                    " of a storage of %" PRId64,
                    last, elements);
    *count = n;
    return OK;
}

static float from_bits(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static float float_from_half(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16;
    uint32_t magnitude = h & 0x7fff;
    if (magnitude >= 0x7c00) /* infinite, NaN */
        return from_bits(sign | 0x7f800000 | (magnitude & 0x3ff) << 13);
    if (magnitude < 0x400) { /* subnormal: a multiple of 2^-24, exact in fp32 */
        float f = (float)magnitude * 0x1p-24f;
        return sign ? -f : f;
    }
    return from_bits(sign | ((magnitude << 13) + (112u << 23)));
}

uint16_t half_from_float(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    bits &= 0x7fffffff;
    if (bits >= 0x477ff000) /* would round beyond 65504 */
        return sign | 0x7c00;
    if (bits < 0x38800000) { /* below 2^-14: let the FPU round to a multiple of 2^-24 */
        float shifted = from_bits(bits) + 0.5f;
        memcpy(&bits, &shifted, sizeof bits);
        return sign | (uint16_t)(bits - 0x3f000000);
    }
    uint32_t odd = bits >> 13 & 1;
    return sign | (uint16_t)((bits + 0xfff + odd - (112u << 23)) >> 13);
}

/* One strided run of n elements. `at` is the address of the first, `step` in bytes. */
#define READ_RUN(type, swapped, value)                                                             \
    for (size_t i = 0; i < n; i++, at += step) {                                                   \
        type e;                                                                                    \
        memcpy(&e, at, sizeof e);                                                                  \
        if (swap)                                                                                  \
            e = (type)swapped;                                                                     \
        out[i] = value;                                                                            \
    }

static double double_from_bits(uint64_t bits)
{
    double d;
    memcpy(&d, &bits, sizeof d);
    return d;
}

static void read_run(enum dtype dtype, const uint8_t *at, size_t step, size_t n, bool swap,
                     float *out)
{
    switch (dtype) {
    case DTYPE_F32:
        READ_RUN(uint32_t, __builtin_bswap32(e), from_bits(e))
        break;
    case DTYPE_F16:
        READ_RUN(uint16_t, __builtin_bswap16(e), float_from_half(e))
        break;
    case DTYPE_BF16:
        READ_RUN(uint16_t, __builtin_bswap16(e), from_bits((uint32_t)e << 16))
        break;
    case DTYPE_F64:
        READ_RUN(uint64_t, __builtin_bswap64(e), (float)double_from_bits(e))
        break;
    case DTYPE_I64:
        READ_RUN(int64_t, __builtin_bswap64((uint64_t)e), (float)e)
        break;
    case DTYPE_I32:
        READ_RUN(int32_t, __builtin_bswap32((uint32_t)e), (float)e)
        break;
    case DTYPE_I16:
        READ_RUN(int16_t, __builtin_bswap16((uint16_t)e), (float)e)
        break;
    case DTYPE_U64:
        READ_RUN(uint64_t, __builtin_bswap64(e), (float)e)
        break;
    case DTYPE_U32:
        READ_RUN(uint32_t, __builtin_bswap32(e), (float)e)
        break;
    case DTYPE_U16:
        READ_RUN(uint16_t, __builtin_bswap16(e), (float)e)
        break;
    case DTYPE_I8:
        READ_RUN(int8_t, e, (float)e)
        break;
    case DTYPE_U8:
    case DTYPE_BOOL:
        READ_RUN(uint8_t, e, (float)e)
        break;
    default: /* view_read is only called where dtype_is_read */
        break;
    }
}

void view_read(const struct strided_view *v, const uint8_t *storage, bool swap, float *out)
{
    int64_t index[TENSOR_MAX_DIMS] = { 0 };
    const size_t size = dtype_size(v->dtype);
    const int inner = v->ndim - 1;
    const size_t n = v->ndim == 0 ? 1 : (size_t)v->shape[inner];
    const size_t step = v->ndim == 0 ? 0 : (size_t)v->stride[inner] * size;
    int64_t at = v->offset;
    for (int i = 0; i < v->ndim; i++) {
        if (v->shape[i] == 0)
            return;
    }
    for (;;) {
        read_run(v->dtype, storage + (size_t)at * size, step, n, swap, out);
        out += n;
        int i = inner - 1; /* the next row, like an odometer */
        for (; i >= 0; i--) {
            at += v->stride[i];
            if (++index[i] < v->shape[i])
                break;
            at -= v->stride[i] * v->shape[i];
            index[i] = 0;
        }
        if (i < 0)
            return;
    }
}
