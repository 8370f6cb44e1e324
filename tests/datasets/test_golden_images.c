/* Every array of resize.h5 (Pillow 9.4 on libjpeg-turbo 2.1.5), bit for bit. */
#include "fixtures.h"

#include <stdlib.h>
#include <string.h>

#include <hdf5.h>

struct array {
    int height, width;
    uint8_t *rgb;
};

static struct array read_array(hid_t file, const char *path)
{
    hsize_t dims[3];
    hid_t set = H5Dopen2(file, path, H5P_DEFAULT);
    assert_true(set >= 0);
    hid_t space = H5Dget_space(set);
    assert_int_equal(H5Sget_simple_extent_ndims(space), 3);
    H5Sget_simple_extent_dims(space, dims, NULL);
    assert_int_equal(dims[2], 3);
    struct array a = { (int)dims[0], (int)dims[1], malloc(dims[0] * dims[1] * 3) };
    assert_true(H5Dread(set, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, a.rgb) >= 0);
    H5Sclose(space);
    H5Dclose(set);
    return a;
}

static void assert_same(const char *what, const struct array *want, const uint8_t *got)
{
    size_t size = (size_t)want->height * (size_t)want->width * 3, off = 0;
    for (size_t i = 0; i < size; i++)
        off += want->rgb[i] != got[i];
    if (off > 0)
        print_error("%s: %zu of %zu values differ\n", what, off, size);
    assert_int_equal(off, 0);
}

/* "eval_224" and so on: a preprocessing and the side. */
static void check_member(hid_t file, const char *name, const char *member,
                         const struct image *image)
{
    struct error err;
    const char *path = path_of("/%s/%s", name, member);
    struct array want = read_array(file, path);
    const char *mark = strchr(member, '_');
    if (mark == NULL) {
        assert_string_equal(member, "decoded");
        assert_int_equal(image->width, want.width);
        assert_int_equal(image->height, want.height);
        assert_same(path, &want, image->rgb);
        free(want.rgb);
        return;
    }
    int kind = 0, side = atoi(mark + 1);
    while (strlen(preprocess_names[kind]) != (size_t)(mark - member) ||
           strncmp(preprocess_names[kind], member, (size_t)(mark - member)) != 0)
        assert_non_null(preprocess_names[++kind]);
    assert_int_equal(want.width, side);
    uint8_t *out = malloc((size_t)side * (size_t)side * 3);
    assert_int_equal(image_preprocess(image, (enum preprocess)kind, side, out, &err), OK);
    assert_same(path, &want, out);
    free(out);
    free(want.rgb);
}

static void test_resize_h5(void **state)
{
    (void)state;
    const char *shared = shared_folder();
    if (shared == NULL)
        skip();
    hid_t file = H5Fopen(path_of("%s/golden/resize.h5", shared), H5F_ACC_RDONLY, H5P_DEFAULT);
    assert_true(file >= 0);
    H5G_info_t top, group;
    H5Gget_info(file, &top);
    assert_true(top.nlinks > 0);
    for (hsize_t i = 0; i < top.nlinks; i++) {
        char name[256], member[64];
        struct image image;
        struct error err = { 0 };
        H5Lget_name_by_idx(file, "/", H5_INDEX_NAME, H5_ITER_INC, i, name, sizeof name,
                           H5P_DEFAULT);
        if (image_read(path_of("%s/golden/images/%s", shared, name), &image, &err) != OK)
            fail_msg("%s", err.text);
        H5Gget_info_by_name(file, name, &group, H5P_DEFAULT);
        assert_true(group.nlinks > 0);
        for (hsize_t j = 0; j < group.nlinks; j++) {
            H5Lget_name_by_idx(file, name, H5_INDEX_NAME, H5_ITER_INC, j, member, sizeof member,
                               H5P_DEFAULT);
            check_member(file, name, member, &image);
        }
        image_free(&image);
    }
    H5Fclose(file);
}

int main(void)
{
    return RUN_TESTS(NULL, NULL, TEST(test_resize_h5));
}
