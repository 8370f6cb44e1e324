#include "archives.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <zlib.h>

void bytes_put(struct bytes *b, const void *from, size_t size)
{
    if (b->size + size > b->room) {
        b->room = (b->size + size) * 2;
        b->at = realloc(b->at, b->room);
        if (b->at == NULL)
            abort();
    }
    if (size > 0)
        memcpy(b->at + b->size, from, size);
    b->size += size;
}

void bytes_free(struct bytes *b)
{
    free(b->at);
    *b = (struct bytes){ 0 };
}

static void put_zeros(struct bytes *b, size_t count)
{
    static const uint8_t zeros[1024];
    for (; count > sizeof zeros; count -= sizeof zeros)
        bytes_put(b, zeros, sizeof zeros);
    bytes_put(b, zeros, count);
}

void tar_header(struct bytes *b, const char *name, char type, uint64_t size)
{
    char h[512] = "";
    memcpy(h, name, strnlen(name, 100));
    memcpy(h + 100, "0000644", 8);
    memcpy(h + 108, "0000000", 8);
    memcpy(h + 116, "0000000", 8);
    if (size < 077777777777u) {
        snprintf(h + 124, 12, "%011llo", (unsigned long long)size);
    } else { /* base 256, as GNU tar and star */
        h[124] = (char)0x80;
        for (int i = 0; i < 8; i++)
            h[128 + i] = (char)(size >> (8 * (7 - i)));
    }
    memcpy(h + 136, "00000000000", 12);
    memset(h + 148, ' ', 8);
    h[156] = type;
    if (type == '1' || type == '2')
        memcpy(h + 157, "target", 6);
    memcpy(h + 257,
           type == 'L' || type == 'S' ? "ustar  "
                                      : "ustar\0"
                                        "00",
           8);
    unsigned sum = 0;
    for (int i = 0; i < 512; i++)
        sum += (uint8_t)h[i];
    snprintf(h + 148, 8, "%06o", sum);
    bytes_put(b, h, sizeof h);
}

void tar_member(struct bytes *b, const char *name, char type, const void *data, size_t size)
{
    tar_header(b, name, type, size);
    bytes_put(b, data, size);
    put_zeros(b, (512 - size % 512) % 512);
}

void tar_end(struct bytes *b)
{
    put_zeros(b, 1024);
}

static void put_u32(struct bytes *b, uint32_t value)
{
    const uint8_t raw[4] = { (uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                             (uint8_t)(value >> 24) };
    bytes_put(b, raw, 4);
}

/* The short form where the data fit into it, as MATLAB writes. */
static void put_element(struct bytes *b, uint32_t type, const void *data, size_t size)
{
    if (size > 0 && size <= 4) {
        put_u32(b, (uint32_t)size << 16 | type);
        bytes_put(b, data, size);
        put_zeros(b, 4 - size);
        return;
    }
    put_u32(b, type);
    put_u32(b, (uint32_t)size);
    bytes_put(b, data, size);
    put_zeros(b, (8 - size % 8) % 8);
}

/* What every matrix begins with: class, [rows, columns], name. */
static void put_matrix_head(struct bytes *b, uint8_t class, uint32_t rows, uint32_t columns,
                            const char *name)
{
    const uint8_t flags[8] = { class };
    struct bytes dims = { 0 };
    put_element(b, 6, flags, 8);
    put_u32(&dims, rows);
    put_u32(&dims, columns);
    put_element(b, 5, dims.at, 8);
    put_element(b, 1, name, strlen(name));
    bytes_free(&dims);
}

static void put_matrix(struct bytes *b, struct bytes *body)
{
    put_element(b, 14, body->at, body->size);
    bytes_free(body);
}

static void put_number(struct bytes *b, int value)
{
    const uint8_t small = (uint8_t)value;
    const uint8_t wide[2] = { (uint8_t)value, (uint8_t)(value >> 8) };
    struct bytes m = { 0 };
    put_matrix_head(&m, 6, 1, 1, "");
    if (value < 256) /* a double in as few bytes as keep it */
        put_element(&m, 2, &small, 1);
    else
        put_element(&m, 4, wide, 2);
    put_matrix(b, &m);
}

static void put_text(struct bytes *b, const char *text, bool wide)
{
    struct bytes m = { 0 }, letters = { 0 };
    size_t length = strlen(text);
    put_matrix_head(&m, 4, 1, (uint32_t)length, "");
    for (size_t i = 0; i < length; i++) {
        bytes_put(&letters, text + i, 1);
        if (wide)
            bytes_put(&letters, "", 1);
    }
    put_element(&m, wide ? 4 : 16, letters.at, letters.size);
    bytes_free(&letters);
    put_matrix(b, &m);
}

static void put_synsets(struct bytes *b, const struct synset *s, size_t count,
                        const struct mat_style *style)
{
    /* 'words' holds an odd number of bytes, so that padding matters. */
    static const char names[4][16] = { "ILSVRC2012_ID", "WNID", "words", "num_children" };
    const uint32_t width = 16;
    struct bytes m = { 0 };
    put_matrix_head(&m, 2, (uint32_t)count, 1,
                    style->variable != NULL ? style->variable : "synsets");
    put_element(&m, 5, &width, 4);
    put_element(&m, 1, names, style->no_children ? 48 : 64);
    for (size_t i = 0; i < count; i++) {
        put_number(&m, s[i].id);
        put_text(&m, s[i].wnid, style->wide_text);
        put_text(&m, "a thing", style->wide_text);
        if (!style->no_children)
            put_number(&m, s[i].children);
    }
    put_matrix(b, &m);
}

struct bytes mat_file(const struct synset *s, size_t count, const struct mat_style *style)
{
    char head[128];
    struct bytes b = { 0 }, m = { 0 };
    memset(head, ' ', sizeof head);
    memcpy(head, "MATLAB 5.0 MAT-file", 19);
    memset(head + 116, 0, 8);
    memcpy(head + 124, "\0\1IM", 4);
    bytes_put(&b, head, sizeof head);
    put_number(&b, 7); /* another variable in front, without a name */
    put_synsets(&m, s, count, style);
    if (style->packed) {
        uLongf size = compressBound(m.size);
        uint8_t *packed = malloc(size);
        if (packed == NULL || compress(packed, &size, m.at, m.size) != Z_OK)
            abort();
        put_u32(&b, 15);
        put_u32(&b, (uint32_t)size);
        bytes_put(&b, packed, size);
        free(packed);
    } else {
        bytes_put(&b, m.at, m.size);
    }
    bytes_free(&m);
    return b;
}

struct bytes make_flat_jpeg(int channels, uint8_t value)
{
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr errors;
    unsigned char *packed = NULL;
    unsigned long size = 0;
    struct bytes out = { 0 };
    uint8_t row[16 * 4];
    JSAMPROW rows[1] = { row };
    memset(row, value, sizeof row);
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &packed, &size);
    info.image_width = info.image_height = 16;
    info.input_components = channels;
    info.in_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_CMYK;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, 100, TRUE);
    jpeg_start_compress(&info, TRUE);
    while (info.next_scanline < info.image_height)
        jpeg_write_scanlines(&info, rows, 1);
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    bytes_put(&out, packed, size);
    free(packed);
    return out;
}
