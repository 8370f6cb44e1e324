/* PNG through libpng, to RGB as Pillow's open().convert("RGB") gives it. */
#include "decode.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

#include "sizes.h"

struct source {
    const uint8_t *bytes;
    size_t size, at;
    const char *name;
    struct error *err;
};

static void on_error(png_structp png, png_const_charp text)
{
    const struct source *s = png_get_error_ptr(png);
    fail(s->err, E_DATA, "%s: not a sound PNG: %s", s->name, text);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void on_read(png_structp png, png_bytep to, size_t count)
{
    struct source *s = png_get_io_ptr(png);
    if (count > s->size - s->at)
        png_error(png, "the file is truncated");
    memcpy(to, s->bytes + s->at, count);
    s->at += count;
}

/* Makes libpng return 8-bit RGB, or 16-bit grey (then returns true). Pillow keeps the
 * high byte of 16-bit colour and of grey with alpha, drops alpha and ignores tRNS and gamma; but
 * 16-bit grey without alpha goes through its integer mode and is clipped at 255. */
static bool choose_format(png_structp png, png_infop info)
{
    int type = png_get_color_type(png, info), depth = png_get_bit_depth(png, info);
    if (type == PNG_COLOR_TYPE_GRAY && depth == 16)
        return true;
    if (depth == 16)
        png_set_strip_16(png);
    if (type == PNG_COLOR_TYPE_PALETTE)
        png_set_palette_to_rgb(png);
    if (type == PNG_COLOR_TYPE_GRAY && depth < 8)
        png_set_expand_gray_1_2_4_to_8(png);
    png_set_strip_alpha(png); /* also what a palette's tRNS would become */
    if (!(type & PNG_COLOR_MASK_COLOR))
        png_set_gray_to_rgb(png);
    return false;
}

/* In place: big-endian 16-bit values [width] lie in the first two thirds of each row. */
static void clip_wide_grey(uint8_t *row, size_t width)
{
    for (size_t x = width; x-- > 0;) {
        uint8_t high = row[2 * x], low = row[2 * x + 1];
        memset(row + 3 * x, high != 0 ? 255 : low, 3);
    }
}

static enum status decode(png_structp png, png_infop info, png_bytep *volatile *rows,
                          struct image *out, const struct source *s, struct error *err)
{
    png_read_info(png, info);
    size_t width = png_get_image_width(png, info), height = png_get_image_height(png, info);
    size_t line = png_get_rowbytes(png, info), bytes;
    /* Deflate shrinks at most 1032-fold: a short file cannot hold a large picture. */
    if (!size_mul(line, height, &bytes) || bytes / 1032 > s->size)
        return fail(err, E_DATA,
                    "%s: not a sound PNG: %zu bytes are too short for %zu x %zu pixels", s->name,
                    s->size, width, height);
    TRY(image_allocate(out, width, height, s->name, err));
    bool wide_grey = choose_format(png, info);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
    if (png_get_rowbytes(png, info) != width * (wide_grey ? 2 : 3))
        return fail(err, E_DATA, "%s: a kind of PNG that is not known", s->name);
    *rows = malloc(height * sizeof **rows);
    if (*rows == NULL)
        return fail(err, E_NOMEM, "%s: no memory for %zu lines", s->name, height);
    for (size_t y = 0; y < height; y++)
        (*rows)[y] = out->rgb + y * width * 3;
    png_read_image(png, *rows);
    png_read_end(png, NULL);
    for (size_t y = 0; wide_grey && y < height; y++)
        clip_wide_grey((*rows)[y], width);
    return OK;
}

enum status png_decode(const uint8_t *bytes, size_t size, const char *name, struct image *out,
                       struct error *err)
{
    struct source source = { bytes, size, 0, name, err };
    png_bytep *volatile rows = NULL;
    volatile enum status status = E_DATA;
    png_infop info = NULL;
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &source, on_error, on_warning);
    if (png != NULL)
        info = png_create_info_struct(png);
    if (info == NULL) {
        png_destroy_read_struct(&png, NULL, NULL);
        return fail(err, E_NOMEM, "%s: no memory for a PNG reader", name);
    }
    if (setjmp(png_jmpbuf(png)) == 0) {
        png_set_user_limits(png, IMAGE_MAX_SIDE, IMAGE_MAX_SIDE);
        png_set_read_fn(png, &source, on_read);
        status = decode(png, info, &rows, out, &source, err);
    }
    png_destroy_read_struct(&png, &info, NULL);
    free(rows);
    if (status != OK)
        image_free(out);
    return status;
}

enum status image_write_png(const char *path, const struct image *image, struct error *err)
{
    png_image header = { .version = PNG_IMAGE_VERSION,
                         .width = (png_uint_32)image->width,
                         .height = (png_uint_32)image->height,
                         .format = PNG_FORMAT_RGB };
    errno = 0;
    if (!png_image_write_to_file(&header, path, 0, image->rgb, 0, NULL))
        return fail(err, E_IO, "%s: cannot write: %s", path,
                    errno != 0 ? strerror(errno) : header.message);
    return OK;
}

enum status png_encode(const struct image *image, uint8_t **bytes, size_t *size, struct error *err)
{
    png_image header = { .version = PNG_IMAGE_VERSION,
                         .width = (png_uint_32)image->width,
                         .height = (png_uint_32)image->height,
                         .format = PNG_FORMAT_RGB };
    png_alloc_size_t room = PNG_IMAGE_PNG_SIZE_MAX(header);
    *bytes = malloc(room);
    if (*bytes == NULL)
        return fail(err, E_NOMEM, "no memory for a PNG of %d x %d", image->width, image->height);
    if (!png_image_write_to_memory(&header, *bytes, &room, 0, image->rgb, 0, NULL)) {
        free(*bytes);
        *bytes = NULL;
        return fail(err, E_DATA, "cannot encode a PNG: %s", header.message);
    }
    *size = room;
    return OK;
}
