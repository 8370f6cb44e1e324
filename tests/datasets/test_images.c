/* Decoding of unusual kinds, refusal of broken files, and the rules of resizing that resize.h5 does
 * not cover. */
#include "fixtures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <png.h>

struct bytes {
    uint8_t *data;
    size_t size;
};

static void png_append(png_structp png, png_bytep from, size_t count)
{
    struct bytes *b = png_get_io_ptr(png);
    b->data = realloc(b->data, b->size + count);
    memcpy(b->data + b->size, from, count);
    b->size += count;
}

/* rows: [height] of `line` bytes as PNG stores them. */
static struct bytes make_png(int width, int height, int depth, int type, const uint8_t *rows,
                             size_t line, bool transparency)
{
    static const png_color palette[4] = { { 1, 2, 3 }, { 40, 50, 60 }, { 255, 0, 9 }, { 7, 7, 7 } };
    static const png_byte alpha[4] = { 0, 100, 255, 3 };
    struct bytes out = { NULL, 0 };
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_set_write_fn(png, &out, png_append, NULL);
    png_set_IHDR(png, info, (png_uint_32)width, (png_uint_32)height, depth, type,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (type == PNG_COLOR_TYPE_PALETTE)
        png_set_PLTE(png, info, palette, 4);
    if (transparency)
        png_set_tRNS(png, info, alpha, 4, NULL);
    png_write_info(png, info);
    for (int y = 0; y < height; y++)
        png_write_row(png, rows + (size_t)y * line);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    return out;
}

/* Each kind of PNG, two pixels wide, against what Pillow's convert("RGB") gives. */
static void test_png_kinds(void **state)
{
    (void)state;
    static const struct {
        int depth, type;
        bool transparency;
        uint8_t row[16], rgb[6];
    } cases[] = {
        { 8, PNG_COLOR_TYPE_RGB, false, { 1, 2, 3, 250, 251, 252 }, { 1, 2, 3, 250, 251, 252 } },
        { 8, PNG_COLOR_TYPE_RGBA, false, { 1, 2, 3, 0, 4, 5, 6, 9 }, { 1, 2, 3, 4, 5, 6 } },
        { 16,
          PNG_COLOR_TYPE_RGB,
          false,
          { 1, 255, 2, 0, 3, 128, 4, 0, 5, 255, 6, 1 },
          { 1, 2, 3, 4, 5, 6 } },
        { 16,
          PNG_COLOR_TYPE_RGBA,
          false,
          { 1, 255, 2, 0, 3, 128, 9, 9, 4, 0, 5, 255, 6, 1, 0, 0 },
          { 1, 2, 3, 4, 5, 6 } },
        { 8, PNG_COLOR_TYPE_GRAY, false, { 7, 200 }, { 7, 7, 7, 200, 200, 200 } },
        { 8, PNG_COLOR_TYPE_GRAY_ALPHA, false, { 7, 0, 200, 9 }, { 7, 7, 7, 200, 200, 200 } },
        { 16,
          PNG_COLOR_TYPE_GRAY_ALPHA,
          false,
          { 7, 255, 0, 0, 200, 1, 9, 9 },
          { 7, 7, 7, 200, 200, 200 } },
        { 16, PNG_COLOR_TYPE_GRAY, false, { 0, 77, 1, 3 }, { 77, 77, 77, 255, 255, 255 } },
        { 1, PNG_COLOR_TYPE_GRAY, false, { 0x40 }, { 0, 0, 0, 255, 255, 255 } },
        { 2, PNG_COLOR_TYPE_GRAY, false, { 0x60 }, { 85, 85, 85, 170, 170, 170 } },
        { 4, PNG_COLOR_TYPE_GRAY, false, { 0x2f }, { 34, 34, 34, 255, 255, 255 } },
        { 8, PNG_COLOR_TYPE_PALETTE, false, { 1, 2 }, { 40, 50, 60, 255, 0, 9 } },
        { 2, PNG_COLOR_TYPE_PALETTE, false, { 0x60 }, { 40, 50, 60, 255, 0, 9 } },
        { 8, PNG_COLOR_TYPE_PALETTE, true, { 1, 0 }, { 40, 50, 60, 1, 2, 3 } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct image image;
        struct error err;
        struct bytes png = make_png(2, 1, cases[i].depth, cases[i].type, cases[i].row,
                                    sizeof cases[i].row, cases[i].transparency);
        if (image_decode(png.data, png.size, "case.png", &image, &err) != OK)
            fail_msg("%s", err.text);
        assert_int_equal(image.width, 2);
        assert_int_equal(image.height, 1);
        assert_memory_equal(image.rgb, cases[i].rgb, 6);
        image_free(&image);
        free(png.data);
    }
}

/* A CMYK or YCCK JPEG of one flat colour, as stored. */
static struct bytes make_cmyk(const uint8_t cmyk[4], J_COLOR_SPACE space, bool adobe)
{
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr errors;
    unsigned char *bytes = NULL;
    unsigned long size = 0;
    uint8_t row[16 * 4];
    JSAMPROW rows[1] = { row };
    for (int x = 0; x < 16; x++)
        memcpy(row + 4 * x, cmyk, 4);
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &bytes, &size);
    info.image_width = info.image_height = 16;
    info.input_components = 4;
    info.in_color_space = JCS_CMYK;
    jpeg_set_defaults(&info);
    jpeg_set_colorspace(&info, space);
    jpeg_set_quality(&info, 100, TRUE);
    info.write_Adobe_marker = adobe;
    jpeg_start_compress(&info, TRUE);
    while (info.next_scanline < 16)
        jpeg_write_scanlines(&info, rows, 1);
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    return (struct bytes){ bytes, size };
}

/* Pillow takes every four-channel file as inverted, with the Adobe marker or without; ink 0 and key
 * 255 - K: RGB = stored ink * stored key / 255. */
static void test_cmyk(void **state)
{
    (void)state;
    static const uint8_t stored[4] = { 200, 100, 255, 128 };
    const struct bytes files[] = { make_cmyk(stored, JCS_CMYK, true),
                                   make_cmyk(stored, JCS_CMYK, false),
                                   make_cmyk(stored, JCS_YCCK, true) };
    for (int f = 0; f < 3; f++) {
        struct image image;
        struct error err;
        assert_int_equal(image_decode(files[f].data, files[f].size, "cmyk", &image, &err), OK);
        for (int c = 0; c < 3; c++)
            assert_in_range(image.rgb[c] - stored[c] * 128 / 255 + 2, 0, 4);
        image_free(&image);
        free(files[f].data);
    }
}

/* Every way to cut a file off is an error that names it, and never a crash. */
static void check_truncation(const uint8_t *bytes, size_t size, const char *name)
{
    for (size_t cut = 0; cut < size; cut += 1 + (cut > 700 ? size / 97 : 0)) {
        /* An exact copy, so that a sanitizer sees reads past the end. */
        uint8_t *copy = malloc(cut > 0 ? cut : 1);
        struct image image;
        struct error err = { 0 };
        memcpy(copy, bytes, cut);
        assert_fails(image_decode(copy, cut, name, &image, &err), E_DATA, &err, name, NULL);
        assert_null(image.rgb);
        free(copy);
    }
}

static void test_truncated(void **state)
{
    (void)state;
    char *top = make_folder();
    struct image image = make_picture(90, 61, 5);
    const char *jpeg = path_of("%s/a.jpg", top), *png = path_of("%s/a.png", top);
    write_jpeg(jpeg, &image);
    assert_int_equal(image_write_png(png, &image, NULL), OK);
    const char *const paths[] = { jpeg, png };
    for (int i = 0; i < 2; i++) {
        size_t size;
        uint8_t *bytes = slurp(paths[i], &size);
        check_truncation(bytes, size, paths[i]);
        free(bytes);
    }
    image_free(&image);
    remove_folder(top);
}

/* Any damaged byte gives a picture or an error, and no crash; damage to a PNG's data never passes.
 */
static void test_damaged(void **state)
{
    (void)state;
    char *top = make_folder();
    struct image image = make_picture(40, 30, 7);
    const char *const paths[] = { path_of("%s/a.jpg", top), path_of("%s/a.png", top) };
    write_jpeg(paths[0], &image);
    assert_int_equal(image_write_png(paths[1], &image, NULL), OK);
    image_free(&image);
    size_t refused = 0, tried = 0;
    for (int i = 0; i < 2; i++) {
        size_t size;
        uint8_t *bytes = slurp(paths[i], &size);
        for (size_t at = 0; at < size; at++) {
            struct error err;
            bytes[at] ^= 0x5a;
            enum status status = image_decode(bytes, size, paths[i], &image, &err);
            assert_true(status == OK || status == E_DATA);
            refused += status != OK;
            tried++;
            image_free(&image);
            bytes[at] ^= 0x5a;
        }
        free(bytes);
    }
    assert_in_range(refused, tried / 4, tried - 1);
    remove_folder(top);
}

/* Bytes between segments are what cameras leave; libjpeg warns, the picture is whole. */
static void test_extraneous(void **state)
{
    (void)state;
    char *top = make_folder();
    struct image image = make_picture(40, 30, 7), again;
    struct error err;
    const char *path = path_of("%s/a.jpg", top);
    write_jpeg(path, &image);
    image_free(&image);
    size_t size;
    uint8_t *bytes = slurp(path, &size), *padded = malloc(size + 3);
    size_t first = 4 + (size_t)(bytes[4] << 8 | bytes[5]); /* where the first segment ends */
    memcpy(padded, bytes, first);
    memset(padded + first, 0, 3);
    memcpy(padded + first + 3, bytes + first, size - first);
    assert_int_equal(image_decode(padded, size + 3, path, &image, &err), OK);
    assert_int_equal(image_decode(bytes, size, path, &again, &err), OK);
    assert_memory_equal(image.rgb, again.rgb, 40 * 30 * 3);
    image_free(&image);
    image_free(&again);
    free(padded);
    free(bytes);
    remove_folder(top);
}

/* A header may state any size; memory is allocated only for what the file can hold. */
static void test_bombs(void **state)
{
    (void)state;
    char *top = make_folder();
    struct image image = make_picture(16, 16, 7);
    struct error err;
    const char *path = path_of("%s/a.jpg", top);
    write_jpeg(path, &image);
    image_free(&image);
    size_t size, at = 0;
    uint8_t *bytes = slurp(path, &size);
    while (!(bytes[at] == 0xff && bytes[at + 1] == 0xc0))
        assert_true(++at + 9 < size);
    static const struct {
        int side;
        const char *what;
    } cases[] = { { 10000, "too short" }, { 32768, "too short" }, { 65535, "65500" } };
    for (int i = 0; i < 3; i++) {
        for (size_t k = 5; k < 9; k += 2) {
            bytes[at + k] = (uint8_t)(cases[i].side >> 8);
            bytes[at + k + 1] = (uint8_t)cases[i].side;
        }
        assert_fails(image_decode(bytes, size, path, &image, &err), E_DATA, &err, path,
                     cases[i].what, NULL);
    }
    /* The first channel is the small one: 1 x 1 of 4 x 4. What counts is all of them. */
    bytes[at + 5] = bytes[at + 7] = 1500 >> 8;
    bytes[at + 6] = bytes[at + 8] = 1500 & 0xff;
    bytes[at + 11] = 0x11;
    bytes[at + 14] = bytes[at + 17] = 0x44;
    assert_fails(image_decode(bytes, size, path, &image, &err), E_DATA, &err, path, "too short",
                 NULL);
    /* Arithmetic coding takes less than a bit for a block, but not this little. */
    bytes[at + 1] = 0xc9;
    bytes[at + 5] = bytes[at + 7] = 20000 >> 8;
    bytes[at + 6] = bytes[at + 8] = 20000 & 0xff;
    assert_fails(image_decode(bytes, size, path, &image, &err), E_DATA, &err, path, "too short",
                 NULL);
    free(bytes);
    remove_folder(top);
}

static void test_not_images(void **state)
{
    (void)state;
    struct image image;
    struct error err;
    assert_fails(image_decode((const uint8_t *)"", 0, "x.JPEG", &image, &err), E_DATA, &err,
                 "x.JPEG", "empty", NULL);
    assert_fails(image_decode((const uint8_t *)"GIF89a...", 9, "x.JPEG", &image, &err), E_DATA,
                 &err, "x.JPEG", "JPEG", "PNG", NULL);
    assert_fails(image_read("/no/such.JPEG", &image, &err), E_IO, &err, "/no/such.JPEG", NULL);
    assert_fails(image_read("/tmp", &image, &err), E_IO, &err, "/tmp", NULL);
}

/* Positions by Pillow's rule: the pixel under (i + 1/2) in / out. */
static void test_nearest(void **state)
{
    (void)state;
    static const int8_t row[7] = { 0, 1, 0, -1, 1, 1, 0 };
    static const int8_t want[3] = { 1, -1, 1 }; /* under 1.17, 3.5, 5.83 */
    static const int8_t pair[2 * 2] = { 0, 1, 0, 1 };
    static const int8_t wider[4] = { 0, 0, 1, 1 }; /* under .25, .75, 1.25, 1.75 */
    int8_t map[7 * 7], out[4 * 4];
    for (int y = 0; y < 7; y++)
        memcpy(map + 7 * y, row, 7);
    label_resize(map, 7, 7, 3, out);
    for (int y = 0; y < 3; y++)
        assert_memory_equal(out + 3 * y, want, 3);
    label_resize(pair, 2, 2, 4, out);
    for (int y = 0; y < 4; y++)
        assert_memory_equal(out + 4 * y, wider, 4);
    label_resize(map, 7, 7, 1, out);
    assert_int_equal(out[0], -1);
}

/* Sizes of every parity, up and down: preprocessing equals cutting the crop out of the whole. */
static void test_crops(void **state)
{
    (void)state;
    static const int sizes[][2] = { { 61, 45 }, { 45, 61 }, { 40, 40 }, { 300, 41 }, { 33, 17 } };
    struct error err;
    for (int s = 0; s < 5; s++)
        for (int side = 39; side <= 42; side++) {
            int w = sizes[s][0], h = sizes[s][1], shorter = 256 * side / 224;
            struct image image = make_picture(w, h, 3);
            int width = w <= h ? shorter : (int)((double)shorter * w / h);
            int height = w <= h ? (int)((double)shorter * h / w) : shorter;
            uint8_t *whole = malloc((size_t)width * (size_t)height * 3);
            uint8_t *crop = malloc((size_t)side * (size_t)side * 3);
            assert_int_equal(image_resize(&image, width, height, FILTER_BICUBIC, whole, &err), OK);
            assert_int_equal(image_preprocess(&image, PREPROCESS_EVAL, side, crop, &err), OK);
            /* rint rounds halves to even */
            int left = (int)__builtin_rint((width - side) / 2.0);
            int top = (int)__builtin_rint((height - side) / 2.0);
            for (int y = 0; y < side; y++)
                assert_memory_equal(crop + y * side * 3, whole + ((top + y) * width + left) * 3,
                                    (size_t)side * 3);
            free(whole);
            free(crop);
            image_free(&image);
        }
}

static void test_limits(void **state)
{
    (void)state;
    struct image image = make_picture(5, 4, 0);
    struct error err;
    uint8_t out[3];
    assert_fails(image_preprocess(&image, PREPROCESS_EVAL, 0, out, &err), E_CONFIG, &err, "0",
                 NULL);
    assert_fails(image_resize(&image, 0, 5, FILTER_BILINEAR, out, &err), E_CONFIG, &err, NULL);
    assert_int_equal(image_preprocess(&image, PREPROCESS_NOTEBOOK, 1, out, &err), OK);
    image_free(&image);
}

int main(void)
{
    return RUN_TESTS(NULL, NULL, TEST(test_png_kinds), TEST(test_cmyk), TEST(test_truncated),
                     TEST(test_damaged), TEST(test_extraneous), TEST(test_bombs),
                     TEST(test_not_images), TEST(test_nearest), TEST(test_crops),
                     TEST(test_limits));
}
