/* kind = imagenet_seg: the published layout, its grey variants, and files that are something else.
 */
#include "mat_fixtures.h"

#include <stdlib.h>
#include <string.h>

enum { W = 5, H = 3 };

static enum status open_mat(const char *path, struct dataset **out, struct error *err)
{
    const struct dataset_options options = { .kind = "imagenet_seg", .path = path };
    *err = (struct error){ 0 };
    return dataset_open(&options, out, err);
}

/* A file of one image and mask, behind a user block. */
static const char *write_mat(const struct field *image, const struct field *mask)
{
    const char *path = path_of("%s/case.mat", test_folder);
    mat_write(path, image, mask, 1);
    return path;
}

static uint8_t pixels[3 * W * H];
static int8_t labels[W * H];

static void fill(void)
{
    for (int i = 0; i < 3 * W * H; i++)
        pixels[i] = (uint8_t)(i * 5);
    for (int i = 0; i < W * H; i++)
        labels[i] = (int8_t)(i % 3 == 0);
}

static struct field good_image(void)
{
    return (struct field){ 3, { 3, W, H }, H5T_STD_U8LE, pixels, false };
}

static struct field good_mask(void)
{
    return (struct field){ 2, { W, H }, H5T_STD_U8LE, labels, true };
}

static void check_layout(const struct field *image, int planes)
{
    struct field mask = good_mask();
    struct dataset *d;
    struct sample s;
    struct error err;
    assert_int_equal(open_mat(write_mat(image, &mask), &d, &err), OK);
    assert_int_equal(d->count, 1);
    assert_string_equal(d->ids[0], "000000");
    assert_int_equal(d->labels[0], -1);
    assert_true(d->has_masks && !d->has_labels);
    if (dataset_load(d, 0, &s, &err) != OK)
        fail_msg("%s", err.text);
    assert_int_equal(s.image.width, W);
    assert_int_equal(s.image.height, H);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            assert_int_equal(s.labels[y * W + x], labels[x * H + y]);
            for (int c = 0; c < 3; c++)
                assert_int_equal(s.image.rgb[(y * W + x) * 3 + c],
                                 pixels[(planes == 3 ? c * W * H : 0) + x * H + y]);
        }
    sample_free(&s);
    dataset_close(d);
}

static void test_layouts(void **state)
{
    (void)state;
    struct field colour = good_image();
    struct field flat = { 2, { W, H }, H5T_STD_U8LE, pixels, false };
    struct field single = { 3, { 1, W, H }, H5T_STD_U8LE, pixels, false };
    check_layout(&colour, 3);
    check_layout(&flat, 1);
    check_layout(&single, 1);
}

static void test_left_out(void **state)
{
    (void)state;
    struct field image = good_image();
    struct field mask = { 2, { W, H }, H5T_STD_I8LE, labels, true };
    struct dataset *d;
    struct sample s;
    struct error err;
    labels[1] = -1;
    assert_int_equal(open_mat(write_mat(&image, &mask), &d, &err), OK);
    assert_int_equal(dataset_load(d, 0, &s, &err), OK);
    assert_int_equal(s.labels[W], -1);
    sample_free(&s);
    dataset_close(d);
    fill();
}

/* Errors of single images, which a run records before it goes on. */
static void test_bad_entries(void **state)
{
    (void)state;
    static const double reals[3 * W * H];
    static const uint8_t sevens[W * H] = { 7 };
    static const char letters[W * H] = "no mask";
    const struct field image = good_image(), mask = good_mask();
    const struct {
        struct field image, mask;
        const char *where, *what;
    } cases[] = {
        { { 3, { 4, W, H }, H5T_STD_U8LE, NULL, false }, mask, "/value/img[0]", "[3, W, H]" },
        { { 1, { W }, H5T_STD_U8LE, pixels, false }, mask, "/value/img[0]", "[3, W, H]" },
        { { 3, { 3, W, H }, H5T_IEEE_F64LE, reals, false }, mask, "/value/img[0]", "bytes" },
        { { 3, { 3, W, H }, H5T_STD_I8LE, pixels, false }, mask, "/value/img[0]", "bytes" },
        { { 3, { 3, 40000, 1 }, H5T_STD_U8LE, NULL, false }, mask, "/value/img[0]", "limit" },
        { { 3, { 3, 30000, 30000 }, H5T_STD_U8LE, NULL, false }, mask, "/value/img[0]", "limit" },
        { { 3, { 3, 3000, 3000 }, H5T_STD_U8LE, NULL, false },
          mask,
          "/value/img[0]",
          "too little" },
        { { 2, { 0, H }, H5T_STD_U8LE, NULL, false }, mask, "/value/img[0]", "0" },
        { image, { 2, { H + 1, W }, H5T_STD_U8LE, NULL, true }, "/value/gt[0]", "size" },
        { image, { 2, { W, H }, H5T_STD_U8LE, sevens, true }, "/value/gt[0]", "label 7" },
        { image, { 2, { W, H }, H5T_C_S1, letters, true }, "/value/gt[0]", "numbers" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dataset *d;
        struct sample s;
        struct error err;
        const char *path = write_mat(&cases[i].image, &cases[i].mask);
        assert_int_equal(open_mat(path, &d, &err), OK);
        assert_fails(dataset_load(d, 0, &s, &err), E_DATA, &err, path, cases[i].where,
                     cases[i].what, NULL);
        assert_null(s.image.rgb);
        dataset_close(d);
    }
}

static void test_bad_files(void **state)
{
    (void)state;
    struct field image = good_image(), mask = good_mask();
    struct dataset *d;
    struct error err;
    const char *path = write_mat(NULL, &mask);
    assert_fails(open_mat(path, &d, &err), E_CONFIG, &err, path, "no field /value/img", NULL);
    path = write_mat(&image, NULL);
    assert_fails(open_mat(path, &d, &err), E_CONFIG, &err, path, "no field /value/gt", NULL);
    path = write_mat(&image, &mask);
    size_t size;
    uint8_t *bytes = slurp(path, &size);
    for (size_t cut = 512; cut < size; cut += size / 16) {
        write_file(path, bytes, cut);
        assert_fails(open_mat(path, &d, &err), E_CONFIG, &err, path, NULL);
    }
    free(bytes);
    write_text(path, "MATLAB 5.0 MAT-file");
    assert_fails(open_mat(path, &d, &err), E_CONFIG, &err, path, "HDF5", "7.3", NULL);
    path = path_of("%s/none.mat", test_folder);
    assert_fails(open_mat(path, &d, &err), E_CONFIG, &err, path, "gtsegs_ijcv.mat", NULL);
    assert_fails(open_mat(test_folder, &d, &err), E_CONFIG, &err, test_folder, "not a file", NULL);

    /* Fields of numbers rather than references. */
    path = path_of("%s/numbers.mat", test_folder);
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    H5Gclose(H5Gcreate2(file, "value", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    mat_put(file, "/value/img", &image);
    mat_put(file, "/value/gt", &image);
    H5Fclose(file);
    assert_fails(open_mat(path, &d, &err), E_CONFIG, &err, path, "/value/img", "references", NULL);
}

/* References to nothing, and to what is no array. */
static void test_bad_references(void **state)
{
    (void)state;
    const char *path = path_of("%s/refs.mat", test_folder);
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    H5Gclose(H5Gcreate2(file, "value", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    hobj_ref_t refs[3] = { 0, 123457, 0 };
    H5Rcreate(&refs[2], file, "/value", H5R_OBJECT, -1);
    struct field list = { 2, { 3, 1 }, H5T_STD_REF_OBJ, refs, false };
    mat_put(file, "/value/img", &list);
    mat_put(file, "/value/gt", &list);
    H5Fclose(file);
    struct dataset *d;
    struct error err;
    assert_int_equal(open_mat(path, &d, &err), OK);
    assert_int_equal(d->count, 3);
    for (size_t i = 0; i < 3; i++) {
        struct sample s;
        assert_fails(dataset_load(d, i, &s, &err), E_DATA, &err, path, "refers to no array", NULL);
    }
    dataset_close(d);
}

static void test_golden(void **state)
{
    (void)state;
    const char *shared = shared_folder();
    struct dataset *d;
    struct error err;
    if (shared == NULL)
        skip();
    assert_int_equal(open_mat(path_of("%s/golden/mini_gtsegs.mat", shared), &d, &err), OK);
    for (size_t i = 0; i < d->count; i++) {
        struct sample s;
        long foreground = 0;
        if (dataset_load(d, i, &s, &err) != OK)
            fail_msg("%s", err.text);
        for (long p = 0; p < (long)s.image.width * s.image.height; p++)
            foreground += s.labels[p];
        assert_true(foreground > 0);
        sample_free(&s);
    }
    dataset_close(d);
}

int main(void)
{
    fill();
    return RUN_TESTS(make_test_folder, remove_test_folder, TEST(test_layouts), TEST(test_left_out),
                     TEST(test_bad_entries), TEST(test_bad_files), TEST(test_bad_references),
                     TEST(test_golden));
}
