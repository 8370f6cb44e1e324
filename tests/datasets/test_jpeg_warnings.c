/* JPEGs of which libjpeg only warns: common ones give the pixels of the sound file, and those that
 * lack a part of the picture are refused. */
#include "fixtures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct file {
    uint8_t *bytes;
    size_t size;
};

/* What the test's files differ in. */
struct style {
    int width, height, luma; /* luma: horizontal and vertical sampling factor; 0: grey */
    bool progressive, separate;
};

static struct file encode(const struct style *s)
{
    struct file f;
    struct image image = make_picture(s->width, s->height, 3);
    f.bytes =
        encode_jpeg(&image, &(struct jpeg_style){ s->luma, s->progressive, s->separate }, &f.size);
    image_free(&image);
    return f;
}

/* Where the n-th marker of this code begins, counted from 0. */
static size_t marker(const struct file *f, uint8_t code, int n)
{
    for (size_t i = 0; i + 1 < f->size; i++)
        if (f->bytes[i] == 0xff && f->bytes[i + 1] == code && n-- == 0)
            return i;
    fail_msg("no such marker");
    return 0;
}

/* The n-th scan and the tables before it: from the end of what came before to its own end. */
static void scan_extent(const struct file *f, int n, size_t *from, size_t *to)
{
    size_t at = marker(f, 0xda, n);
    *from = at;
    for (size_t i = 0; i + 1 < at; i++) /* the first table after the scan before */
        if (f->bytes[i] == 0xff && f->bytes[i + 1] == 0xc4 &&
            (n == 0 || i > marker(f, 0xda, n - 1))) {
            *from = i;
            break;
        }
    for (*to = at + 2; f->bytes[*to] != 0xff || f->bytes[*to + 1] == 0; ++*to)
        ;
}

static struct file twice(const struct file *f, int scan)
{
    size_t from, to;
    scan_extent(f, scan, &from, &to);
    struct file out = { malloc(f->size + to - from), f->size + to - from };
    memcpy(out.bytes, f->bytes, to);
    memcpy(out.bytes + to, f->bytes + from, to - from);
    memcpy(out.bytes + to + to - from, f->bytes + to, f->size - to);
    return out;
}

static struct file without(const struct file *f, int scan)
{
    size_t from, to;
    scan_extent(f, scan, &from, &to);
    struct file out = { malloc(f->size), f->size - (to - from) };
    memcpy(out.bytes, f->bytes, from);
    memcpy(out.bytes + from, f->bytes + to, f->size - to);
    return out;
}

static bool is_dc_refinement(const struct file *f, int scan)
{
    size_t at = marker(f, 0xda, scan), length = (size_t)f->bytes[at + 2] << 8 | f->bytes[at + 3];
    const uint8_t *end = f->bytes + at + 2 + length;
    return end[-3] == 0 && end[-2] == 0 && end[-1] >> 4 == 1;
}

static void assert_same(const struct file *odd, const struct file *sound)
{
    struct image a, b;
    struct error err;
    if (image_decode(odd->bytes, odd->size, "odd", &a, &err) != OK)
        fail_msg("%s", err.text);
    assert_int_equal(image_decode(sound->bytes, sound->size, "sound", &b, &err), OK);
    assert_int_equal(a.width, b.width);
    assert_int_equal(a.height, b.height);
    assert_memory_equal(a.rgb, b.rgb, (size_t)a.width * (size_t)a.height * 3);
    image_free(&a);
    image_free(&b);
}

static void assert_refused(const struct file *f, const char *says)
{
    struct image image;
    struct error err;
    assert_fails(image_decode(f->bytes, f->size, "odd.JPEG", &image, &err), E_DATA, &err,
                 "odd.JPEG", says, NULL);
    assert_null(image.rgb);
}

/* Baseline and progressive files in each sampling of colours. */
static const struct style baseline[] = { { 40, 30, 2, false, false },
                                         { 33, 17, 1, false, false },
                                         { 25, 41, 0, false, false } };
static const struct style progressive[] = { { 40, 30, 2, true, false },
                                            { 33, 17, 1, true, false },
                                            { 25, 41, 0, true, false } };
static const struct style large[] = { { 64, 48, 2, false, false },
                                      { 64, 48, 0, false, false },
                                      { 64, 48, 2, true, false } };

static void with_each(const struct style styles[3], void (*check)(struct file *sound))
{
    for (int i = 0; i < 3; i++) {
        struct file sound = encode(&styles[i]);
        check(&sound);
        free(sound.bytes);
    }
}

/* Spectral selection and approximation of a progressive scan in a baseline file. */
static void check_scan_parameters(struct file *sound)
{
    static const uint8_t parameters[][3] = {
        { 0, 0, 0 }, { 0, 0, 1 }, { 1, 63, 0 }, { 0, 5, 0x21 }
    };
    for (size_t k = 0; k < sizeof parameters / sizeof *parameters; k++) {
        struct file odd = { malloc(sound->size), sound->size };
        memcpy(odd.bytes, sound->bytes, sound->size);
        size_t at = marker(&odd, 0xda, 0);
        size_t length = (size_t)odd.bytes[at + 2] << 8 | odd.bytes[at + 3];
        memcpy(odd.bytes + at + 2 + length - 3, parameters[k], 3);
        assert_same(&odd, sound);
        free(odd.bytes);
    }
}

static void test_scan_parameters(void **state)
{
    (void)state;
    with_each(baseline, check_scan_parameters);
}

static void check_twice(struct file *sound, int scan)
{
    struct file odd = twice(sound, scan);
    assert_same(&odd, sound);
    free(odd.bytes);
}

static void check_scan_twice(struct file *sound)
{
    check_twice(sound, 0); /* DC, then a first scan of AC */
    check_twice(sound, 1);
    for (int scan = 2; scan < 20; scan++)
        if (is_dc_refinement(sound, scan)) {
            check_twice(sound, scan);
            break;
        }
}

static void test_scan_twice(void **state)
{
    (void)state;
    with_each(progressive, check_scan_twice);
}

static void check_scan_missing(struct file *sound)
{
    struct file odd = without(sound, 0);
    assert_refused(&odd, "not a sound JPEG"); /* its refinement comes still */
    struct file bare = odd;
    for (int scan = 0; scan < 20; scan++) /* the refinement of DC: Ss = Se = 0, Ah = 1 */
        if (is_dc_refinement(&odd, scan)) {
            bare = without(&odd, scan);
            break;
        }
    assert_ptr_not_equal(bare.bytes, odd.bytes);
    assert_refused(&bare, "no DC scan");
    free(bare.bytes);
    free(odd.bytes);
}

static void test_scan_missing(void **state)
{
    (void)state;
    with_each(progressive, check_scan_missing);
}

/* A baseline file with a scan for each component. */
static void test_separate_scans(void **state)
{
    (void)state;
    for (int luma = 1; luma <= 2; luma++) {
        const struct style whole = { 48, 32, luma, false, false };
        const struct style apart = { 48, 32, luma, false, true };
        struct file together = encode(&whole), sound = encode(&apart);
        assert_same(&sound, &together);
        for (int scan = 0; scan < 3; scan++) {
            struct file odd = without(&sound, scan);
            assert_refused(&odd, "a colour component has no scan");
            free(odd.bytes);
            check_twice(&sound, scan);
        }
        free(together.bytes);
        free(sound.bytes);
    }
}

/* What hides a part of the picture stays refused. */
static void check_damage(struct file *f)
{
    size_t whole = f->size;
    f->size = whole / 2;
    assert_refused(f, "not a sound JPEG");
    f->size = whole;
    size_t at = marker(f, 0xda, 0) + 30;
    f->bytes[at] = 0xff; /* an end in the middle of the data */
    f->bytes[at + 1] = 0xd9;
    assert_refused(f, "not a sound JPEG");
}

static void test_damage(void **state)
{
    (void)state;
    with_each(large, check_damage);
}

static void test_other_formats(void **state)
{
    (void)state;
    static const struct given_bytes cases[] = {
        { BYTES("GIF89a\1\0\1\0"), "GIF" },
        { BYTES("RIFF\4\0\0\0WEBPVP8 "), "WebP" },
        { BYTES("BM\x46\0\0\0\0\0\0\0"), "BMP" },
        { BYTES("II*\0\x08\0\0\0"), "TIFF" },
        { BYTES("MM\0*\0\0\0\x08"), "TIFF" },
        { BYTES("\0\0\0\x1c"
                "ftypavif"),
          "AVIF" },
        { BYTES("version https://git-lfs.github.com/spec/v1\n"), "Git LFS" },
        { BYTES("<!DOCTYPE html><html>"), "HTML" },
    };
    char *top = make_folder();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *path = path_of("%s/x.JPEG", top);
        struct image image;
        struct error err;
        write_file(path, cases[i].bytes, cases[i].size);
        assert_fails(image_read(path, &image, &err), E_DATA, &err, path, cases[i].says,
                     "JPEG or PNG", NULL);
    }
    remove_folder(top);
}

static struct file read_case(const char *shared, const char *name)
{
    struct file f;
    f.bytes = slurp(path_of("%s/cases/jpeg/%s", shared, name), &f.size);
    return f;
}

static void test_cases(void **state)
{
    (void)state;
    const char *shared = shared_folder();
    if (shared == NULL)
        skip();
    static const char *const names[] = { "420", "grey" };
    for (size_t i = 0; i < 2; i++) {
        struct file odd = read_case(shared, path_of("samsung_%s.jpg", names[i]));
        struct file sound = read_case(shared, path_of("sound_%s.jpg", names[i]));
        assert_same(&odd, &sound);
        free(odd.bytes);
        free(sound.bytes);
    }
}

int main(void)
{
    return RUN_TESTS(NULL, NULL, TEST(test_scan_parameters), TEST(test_scan_twice),
                     TEST(test_scan_missing), TEST(test_separate_scans), TEST(test_damage),
                     TEST(test_other_formats), TEST(test_cases));
}
