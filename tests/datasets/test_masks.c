/* Masks of ImageNet-Segmentation in the forms in which people store them (other types, ignored
 * pixels, rows for columns) are read correctly, or refused with a message that names the value. */
#include "mat_fixtures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { W = 6, H = 4, SIDE = 5 };

static uint8_t pixels[3 * 64];

static int make_pixels(void **state)
{
    make_test_folder(state);
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 7);
    return 0;
}

static struct field image_of(hsize_t w, hsize_t h)
{
    return (struct field){ 3, { 3, w, h }, H5T_STD_U8LE, pixels, false };
}

static struct field mask_of(hsize_t first, hsize_t second, hid_t type, const void *data)
{
    return (struct field){ 2, { first, second }, type, data, true };
}

static const char *write_set(const struct field *images, const struct field *masks, size_t count)
{
    const char *path = path_of("%s/set.mat", test_folder);
    mat_write(path, images, masks, count);
    return path;
}

static enum status open_as(const char *path, enum array_order images, enum array_order masks,
                           struct dataset **out, struct error *err)
{
    const struct dataset_options options = {
        .kind = "imagenet_seg", .path = path, .image_order = images, .mask_order = masks
    };
    *err = (struct error){ 0 };
    return dataset_open(&options, out, err);
}

static enum status open_mat(const char *path, enum array_order masks, struct dataset **out,
                            struct error *err)
{
    return open_as(path, ORDER_AUTO, masks, out, err);
}

static struct dataset *open_or_die(const char *path, enum array_order order)
{
    struct dataset *d;
    struct error err;
    if (open_mat(path, order, &d, &err) != OK)
        fail_msg("%s", err.text);
    return d;
}

/* What the mask of the only image becomes: at (x, y) value[x * H + y], 255 left out. */
static void check_values(hid_t type, const void *data, const double *want)
{
    const struct field image = image_of(W, H), mask = mask_of(W, H, type, data);
    struct dataset *d = open_or_die(write_set(&image, &mask, 1), ORDER_AUTO);
    struct sample s;
    struct error err;
    if (dataset_load(d, 0, &s, &err) != OK)
        fail_msg("%s", err.text);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            double value = want[x * H + y];
            assert_int_equal(s.labels[y * W + x], value == 255 ? -1 : (int)value);
        }
    sample_free(&s);
    dataset_close(d);
}

static void check_refused(hid_t type, const void *data, const char *says)
{
    const struct field image = image_of(W, H), mask = mask_of(W, H, type, data);
    struct dataset *d = open_or_die(write_set(&image, &mask, 1), ORDER_AUTO);
    struct sample s;
    struct error err;
    assert_fails(dataset_load(d, 0, &s, &err), E_DATA, &err, "/value/gt[0]", says, NULL);
    assert_null(s.labels);
    dataset_close(d);
}

/* An enum as h5py stores bool, or with other names. */
static hid_t enum_type(const char *zero, const char *one)
{
    hid_t type = H5Tenum_create(H5T_STD_I8LE);
    int8_t value = 0;
    H5Tenum_insert(type, zero, &value);
    value = 1;
    H5Tenum_insert(type, one, &value);
    return type;
}

static void test_types(void **state)
{
    (void)state;
    double want[W * H];
    uint8_t bytes[W * H];
    uint16_t shorts[W * H];
    int64_t longs[W * H];
    float floats[W * H];
    for (int i = 0; i < W * H; i++) {
        int value = i % 3 == 0;
        want[i] = value;
        bytes[i] = (uint8_t)value;
        shorts[i] = (uint16_t)value;
        longs[i] = value;
        floats[i] = (float)value;
    }
    hid_t truth = enum_type("FALSE", "TRUE"), other = enum_type("background", "object");
    check_values(H5T_STD_U8LE, bytes, want);
    check_values(truth, bytes, want);
    check_values(other, bytes, want);
    check_values(H5T_STD_U16LE, shorts, want);
    check_values(H5T_STD_I64LE, longs, want);
    check_values(H5T_IEEE_F32LE, floats, want);
    check_values(H5T_IEEE_F64LE, want, want);
    H5Tclose(truth);
    H5Tclose(other);
}

static void test_left_out(void **state)
{
    (void)state;
    double want[W * H] = { 0, 1, 255, 1, 255, 0 };
    uint8_t bytes[W * H] = { 0, 1, 255, 1, 255, 0 };
    uint16_t shorts[W * H] = { 0, 1, 255, 1, 255, 0 };
    float floats[W * H] = { 0, 1, 255, 1, 255, 0 };
    check_values(H5T_STD_U8LE, bytes, want);
    check_values(H5T_STD_U16LE, shorts, want);
    check_values(H5T_IEEE_F32LE, floats, want);
    /* 255 may be the object; it is ambiguous */
    static const uint8_t object[W * H] = { 0, 255, 255 };
    uint8_t all[W * H];
    memset(all, 255, sizeof all);
    static const double real[W * H] = { 255, 0, 255 };
    check_refused(H5T_STD_U8LE, object, "255");
    check_refused(H5T_STD_U8LE, all, "255");
    check_refused(H5T_IEEE_F64LE, real, "255");
}

static void test_true_values(void **state)
{
    (void)state;
    static const uint8_t two[W * H] = { 0, 1, 2 }, many[W * H] = { 0, 1, 254 };
    static const uint32_t large[W * H] = { 0, 1, 3000000000 };
    static const int16_t negative[W * H] = { 0, 1, -2 };
    static const float half[W * H] = { 0, 1, 0.5f }, nan[W * H] = { 0, 1, NAN };
    check_refused(H5T_STD_U8LE, two, "label 2;");
    check_refused(H5T_STD_U8LE, many, "label 254;");
    check_refused(H5T_STD_U32LE, large, "label 3000000000;");
    check_refused(H5T_STD_I16LE, negative, "label -2;");
    check_refused(H5T_IEEE_F32LE, half, "label 0.5;");
    check_refused(H5T_IEEE_F32LE, nan, "label nan;");
}

/* ---- columns and rows ------------------------------------------------------------------------ */

/* The mask that is 1 at (x, y) = (1, 0) alone, however it is stored. */
static const uint8_t by_columns[W * H] = { [1 * H + 0] = 1 }, by_rows[W * H] = { [0 * W + 1] = 1 };
static const uint8_t square_columns[SIDE * SIDE] = { [1 * SIDE] = 1 },
                                           square_rows[SIDE * SIDE] = { [1] = 1 };

static void check_point(struct dataset *d, size_t index)
{
    struct sample s;
    struct error err;
    if (dataset_load(d, index, &s, &err) != OK)
        fail_msg("%s", err.text);
    for (int i = 0; i < s.image.width * s.image.height; i++)
        assert_int_equal(s.labels[i], i == 1);
    sample_free(&s);
}

static void test_found_by_shape(void **state)
{
    (void)state;
    const struct field images[3] = { image_of(SIDE, SIDE), image_of(W, H), image_of(H, W) };
    static const uint8_t slim_rows[W * H] = { [1] = 1 }, slim_columns[W * H] = { [1 * W] = 1 };
    const struct field rows[3] = { mask_of(SIDE, SIDE, H5T_STD_U8LE, square_rows),
                                   mask_of(H, W, H5T_STD_U8LE, by_rows),
                                   mask_of(W, H, H5T_STD_U8LE, slim_rows) };
    const struct field columns[3] = { mask_of(SIDE, SIDE, H5T_STD_U8LE, square_columns),
                                      mask_of(W, H, H5T_STD_U8LE, by_columns),
                                      mask_of(H, W, H5T_STD_U8LE, slim_columns) };
    /* a square one is stored as the others are */
    struct dataset *d = open_or_die(write_set(images, rows, 3), ORDER_AUTO);
    for (size_t i = 0; i < 3; i++)
        check_point(d, i);
    dataset_close(d);
    d = open_or_die(write_set(images, columns, 3), ORDER_AUTO);
    for (size_t i = 0; i < 3; i++)
        check_point(d, i);
    dataset_close(d);
}

static void test_squares(void **state)
{
    (void)state;
    const struct field images[2] = { image_of(SIDE, SIDE), image_of(SIDE, SIDE) };
    const struct field rows[2] = { mask_of(SIDE, SIDE, H5T_STD_U8LE, square_rows),
                                   mask_of(SIDE, SIDE, H5T_STD_U8LE, square_rows) };
    const struct field columns[2] = { mask_of(SIDE, SIDE, H5T_STD_U8LE, square_columns),
                                      mask_of(SIDE, SIDE, H5T_STD_U8LE, square_columns) };
    struct dataset *d;
    struct error err;
    const char *path = write_set(images, rows, 2);
    assert_fails(open_mat(path, ORDER_AUTO, &d, &err), E_CONFIG, &err, path, "data.mask_order",
                 NULL);
    d = open_or_die(path, ORDER_HW);
    check_point(d, 1);
    dataset_close(d);
    path = write_set(images, columns, 2);
    assert_fails(open_mat(path, ORDER_AUTO, &d, &err), E_CONFIG, &err, path, "data.mask_order",
                 NULL);
    d = open_or_die(path, ORDER_WH);
    check_point(d, 0);
    dataset_close(d);
}

/* A file with two orders: it is unknown which one is wrong, but certain that one is. */
static void test_mixed(void **state)
{
    (void)state;
    const struct field images[2] = { image_of(W, H), image_of(W, H) };
    const struct field masks[2] = { mask_of(W, H, H5T_STD_U8LE, by_columns),
                                    mask_of(H, W, H5T_STD_U8LE, by_rows) };
    struct dataset *d = open_or_die(write_set(images, masks, 2), ORDER_AUTO);
    struct sample s;
    struct error err;
    check_point(d, 0);
    assert_fails(dataset_load(d, 1, &s, &err), E_DATA, &err, "/value/gt[1]", "[H, W]", NULL);
    dataset_close(d);
    d = open_or_die(path_of("%s/set.mat", test_folder), ORDER_HW);
    check_point(d, 1);
    assert_fails(dataset_load(d, 0, &s, &err), E_DATA, &err, "/value/gt[0]",
                 "stored [W, H], and data.mask_order = hw", NULL);
    dataset_close(d);
}

/* Opens the file with these orders; image and mask 0 are those stored [H, W]. */
static void check_rows(const char *path, enum array_order masks, hsize_t w, hsize_t h)
{
    struct dataset *d;
    struct sample s;
    struct error err;
    if (open_as(path, ORDER_HW, masks, &d, &err) != OK || dataset_load(d, 0, &s, &err) != OK)
        fail_msg("%s", err.text);
    assert_null(d->assumed);
    assert_int_equal(s.image.width, w);
    assert_int_equal(s.image.height, h);
    for (size_t i = 0; i < w * h; i++)
        for (size_t c = 0; c < 3; c++)
            assert_int_equal(s.image.rgb[i * 3 + c], pixels[c * w * h + i]);
    sample_free(&s);
    check_point(d, 0);
    dataset_close(d);
}

static void test_image_order(void **state)
{
    (void)state;
    struct dataset *d;
    struct error err;
    const struct field slim = image_of(H, W), square = image_of(SIDE, SIDE); /* [3, H, W] */
    const struct field rows = mask_of(H, W, H5T_STD_U8LE, by_rows),
                       columns = mask_of(W, H, H5T_STD_U8LE, by_columns),
                       square_row = mask_of(SIDE, SIDE, H5T_STD_U8LE, square_rows),
                       square_column = mask_of(SIDE, SIDE, H5T_STD_U8LE, square_columns);
    check_rows(write_set(&slim, &rows, 1), ORDER_AUTO, W, H);
    check_rows(write_set(&slim, &rows, 1), ORDER_HW, W, H);
    check_rows(write_set(&slim, &columns, 1), ORDER_AUTO, W, H);
    check_rows(write_set(&slim, &columns, 1), ORDER_WH, W, H);
    const char *path = write_set(&square, &square_row, 1);
    assert_fails(open_as(path, ORDER_HW, ORDER_AUTO, &d, &err), E_CONFIG, &err, path,
                 "data.mask_order", "data.image_order", NULL);
    check_rows(path, ORDER_HW, SIDE, SIDE);
    check_rows(write_set(&square, &square_column, 1), ORDER_WH, SIDE, SIDE);
}

/* A key that every mask contradicts is refused by name; squares say nothing. */
static void test_contradicted(void **state)
{
    (void)state;
    struct dataset *d;
    struct error err;
    const struct field images[2] = { image_of(SIDE, SIDE), image_of(W, H) };
    const struct field masks[2] = { mask_of(SIDE, SIDE, H5T_STD_U8LE, square_columns),
                                    mask_of(W, H, H5T_STD_U8LE, by_columns) };
    const char *path = write_set(images, masks, 2);
    assert_fails(open_mat(path, ORDER_HW, &d, &err), E_CONFIG, &err, path, "data.mask_order = hw",
                 "stored [W, H]", NULL);
    assert_fails(open_as(path, ORDER_HW, ORDER_WH, &d, &err), E_CONFIG, &err, path,
                 "data.mask_order = wh", "data.image_order = hw", NULL);
    dataset_close(open_or_die(path, ORDER_WH));
    path = write_set(images, masks, 1);
    dataset_close(open_or_die(path, ORDER_HW));
}

/* What the file does not say is told; MATLAB's mark says it. */
static void test_assumed(void **state)
{
    (void)state;
    const struct field image = image_of(W, H), mask = mask_of(W, H, H5T_STD_U8LE, by_columns);
    const char *path = write_set(&image, &mask, 1);
    struct dataset *d = open_or_die(path, ORDER_AUTO);
    assert_non_null(d->assumed);
    assert_non_null(strstr(d->assumed, "data.image_order = hw"));
    dataset_close(d);
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    hid_t set = H5Dopen2(file, "i0", H5P_DEFAULT), space = H5Screate(H5S_SCALAR);
    H5Aclose(H5Acreate2(set, "MATLAB_class", H5T_C_S1, space, H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(space);
    H5Dclose(set);
    H5Fclose(file);
    d = open_or_die(path, ORDER_AUTO);
    assert_null(d->assumed);
    dataset_close(d);
}

/* ---- ../shared/cases ------------------------------------------------------------------------- */

static void test_cases(void **state)
{
    (void)state;
    const char *shared = shared_folder();
    if (shared == NULL)
        skip();
    struct dataset *sound = open_or_die(path_of("%s/cases/masks/sound.mat", shared), 0);
    struct dataset *bools = open_or_die(path_of("%s/cases/masks/bool_enum.mat", shared), 0);
    struct dataset *ignore =
        open_or_die(path_of("%s/cases/masks/ignore_255_in_all.mat", shared), 0);
    assert_int_equal(sound->count, bools->count);
    assert_int_equal(sound->count, ignore->count);
    for (size_t i = 0; i < sound->count; i++) {
        struct sample a, b, c;
        struct error err;
        long left_out = 0;
        assert_int_equal(dataset_load(sound, i, &a, &err), OK);
        assert_int_equal(dataset_load(bools, i, &b, &err), OK);
        assert_int_equal(dataset_load(ignore, i, &c, &err), OK);
        size_t n = (size_t)a.image.width * (size_t)a.image.height;
        assert_memory_equal(a.labels, b.labels, n);
        for (size_t p = 0; p < n; p++) {
            left_out += c.labels[p] < 0;
            assert_true(c.labels[p] < 0 || c.labels[p] == a.labels[p]);
        }
        assert_true(left_out > 0);
        sample_free(&a);
        sample_free(&b);
        sample_free(&c);
    }
    dataset_close(sound);
    dataset_close(bools);
    dataset_close(ignore);
}

int main(void)
{
    return RUN_TESTS(make_pixels, remove_test_folder, TEST(test_types), TEST(test_left_out),
                     TEST(test_true_values), TEST(test_found_by_shape), TEST(test_squares),
                     TEST(test_mixed), TEST(test_image_order), TEST(test_contradicted),
                     TEST(test_assumed), TEST(test_cases));
}
