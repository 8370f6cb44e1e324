#include "mat5.h"

#include <stdlib.h>
#include <string.h>

#define ZLIB_CONST
#include <zlib.h>

#include "sizes.h"

/* The devkit's meta.mat unpacks to about 1 MB. */
#define MAX_INFLATED ((size_t)64 << 20)
#define MAX_DIMENSIONS 8

/* Little-endian, as every MATLAB since 2007 writes; the header says so and is checked. */
static uint64_t load(const uint8_t *at, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

bool mat5_next(struct mat5_span *s, struct mat5_element *out)
{
    if (s->left < 8)
        return false;
    uint32_t type = (uint32_t)load(s->at, 4), size = (uint32_t)load(s->at + 4, 4);
    if (type >> 16 != 0) { /* short form: type and size share a word, up to 4 bytes of data */
        size = type >> 16;
        if (size > 4)
            return false;
        *out = (struct mat5_element){ type & 0xffff, { s->at + 4, size } };
        s->at += 8;
        s->left -= 8;
        return true;
    }
    s->at += 8;
    s->left -= 8;
    if (size > s->left)
        return false;
    *out = (struct mat5_element){ type, { s->at, size } };
    /* Data are padded to 8 bytes, except what is compressed; the last padding may be missing. */
    size_t whole = type == MAT5_COMPRESSED ? size : round_up(size, 8);
    if (whole > s->left)
        whole = s->left;
    s->at += whole;
    s->left -= whole;
    return true;
}

bool mat5_matrix(const struct mat5_element *e, struct mat5_matrix *out)
{
    struct mat5_span parts = e->data;
    struct mat5_element flags, dims, name;
    if (e->type != MAT5_MATRIX || !mat5_next(&parts, &flags) || flags.type != MAT5_UINT32 ||
        flags.data.left != 8)
        return false;
    if (!mat5_next(&parts, &dims) || dims.type != MAT5_INT32 || dims.data.left % 4 != 0 ||
        dims.data.left < 8 || dims.data.left / 4 > MAX_DIMENSIONS)
        return false;
    if (!mat5_next(&parts, &name) || (name.type != MAT5_INT8 && name.type != MAT5_UTF8))
        return false;
    size_t count = 1;
    for (size_t d = 0; d < dims.data.left; d += 4) {
        uint64_t extent = load(dims.data.at + d, 4);
        if (extent > INT32_MAX || !size_mul(count, (size_t)extent, &count))
            return false;
    }
    *out = (struct mat5_matrix){ flags.data.at[0], count, name.data, parts };
    return true;
}

/* Fills out[size] from the stream. */
static bool inflate_part(z_stream *z, uint8_t *out, size_t size)
{
    z->next_out = out;
    z->avail_out = (uInt)size;
    while (z->avail_out > 0) {
        int rc = inflate(z, Z_NO_FLUSH);
        if (rc == Z_STREAM_END)
            break;
        if (rc != Z_OK)
            return false;
    }
    return z->avail_out == 0;
}

bool mat5_inflate(const struct mat5_element *packed, struct mat5_element *out, uint8_t **memory)
{
    z_stream z = { .next_in = packed->data.at, .avail_in = (uInt)packed->data.left };
    uint8_t tag[8];
    *memory = NULL;
    if (packed->type != MAT5_COMPRESSED || inflateInit(&z) != Z_OK)
        return false;
    bool ok = inflate_part(&z, tag, sizeof tag);
    uint32_t type = (uint32_t)load(tag, 4), size = (uint32_t)load(tag + 4, 4);
    /* Deflate compresses at most 1032-fold, so a few bytes that promise more are refused. */
    ok = ok && type == MAT5_MATRIX && size <= MAX_INFLATED && size / 1032 <= packed->data.left;
    if (ok) {
        *memory = malloc(size > 0 ? size : 1);
        ok = *memory != NULL && inflate_part(&z, *memory, size);
    }
    inflateEnd(&z);
    if (!ok) {
        free(*memory);
        *memory = NULL;
        return false;
    }
    *out = (struct mat5_element){ type, { *memory, size } };
    return true;
}

/* Value `e` holds first; MATLAB stores numbers in the shortest type that keeps them. */
static bool scalar(const struct mat5_element *e, double *out)
{
    static const uint8_t bytes[] = {
        [MAT5_INT8] = 1,  [MAT5_UINT8] = 1,  [MAT5_INT16] = 2,  [MAT5_UINT16] = 2,
        [MAT5_INT32] = 4, [MAT5_UINT32] = 4, [MAT5_SINGLE] = 4, [MAT5_DOUBLE] = 8,
        [MAT5_INT64] = 8, [MAT5_UINT64] = 8
    };
    if (e->type >= sizeof bytes || bytes[e->type] == 0 || e->data.left != bytes[e->type])
        return false;
    uint64_t raw = load(e->data.at, bytes[e->type]);
    uint32_t raw32 = (uint32_t)raw;
    float single;
    switch (e->type) {
    case MAT5_SINGLE:
        memcpy(&single, &raw32, sizeof single);
        *out = single;
        break;
    case MAT5_DOUBLE:
        memcpy(out, &raw, sizeof *out);
        break;
    case MAT5_INT8:
        *out = (int8_t)raw;
        break;
    case MAT5_INT16:
        *out = (int16_t)raw;
        break;
    case MAT5_INT32:
        *out = (int32_t)raw;
        break;
    case MAT5_INT64:
        *out = (double)(int64_t)raw;
        break;
    default:
        *out = (double)raw;
    }
    return true;
}

bool mat5_number(const struct mat5_element *e, double *out)
{
    struct mat5_matrix m;
    struct mat5_element real;
    return mat5_matrix(e, &m) && m.count == 1 && m.class != MAT5_CLASS_STRUCT &&
           m.class != MAT5_CLASS_CHAR && mat5_next(&m.parts, &real) && scalar(&real, out);
}

bool mat5_text(const struct mat5_element *e, char *out, size_t size)
{
    struct mat5_matrix m;
    struct mat5_element text;
    if (!mat5_matrix(e, &m) || m.class != MAT5_CLASS_CHAR || !mat5_next(&m.parts, &text))
        return false;
    size_t wide = 1;
    if (text.type == MAT5_UINT16 || text.type == MAT5_UTF16)
        wide = 2;
    else if (text.type == MAT5_UINT32 || text.type == MAT5_UTF32)
        wide = 4;
    else if (text.type != MAT5_INT8 && text.type != MAT5_UINT8 && text.type != MAT5_UTF8)
        return false;
    size_t length = text.data.left / wide;
    if (length == 0 || length != m.count || length >= size)
        return false;
    for (size_t i = 0; i < length; i++) {
        uint64_t c = load(text.data.at + i * wide, wide);
        if (c < 0x20 || c > 0x7e)
            return false;
        out[i] = (char)c;
    }
    out[length] = '\0';
    return true;
}
