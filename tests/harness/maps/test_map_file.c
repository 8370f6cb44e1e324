/* Files of maps that somebody else made: what is refused, and what is said of it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "h5_read.h"
#include "map_file.h"

#include "run_tests.h"

enum { SIDE = 32, IMAGES = 2 };
static const char *const ids[] = { "a", "b" };
static char folder[] = "/tmp/map_file_XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[100];
    (void)state;
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

/* ---- HDF5 ---------------------------------------------------------------------------------- */

static void put(hid_t file, const char *name, hid_t type, int rank, const hsize_t *dims,
                const void *data)
{
    hid_t space = H5Screate_simple(rank, dims, NULL);
    hid_t set = H5Dcreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(set >= 0);
    assert_true(data == NULL || H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    H5Dclose(set);
    H5Sclose(space);
}

/* Maps [IMAGES, rows, columns] of doubles, opened. */
static enum status open_hdf5(hsize_t rows, hsize_t columns, const double *values,
                             struct map_file **out, struct error *err)
{
    char path[100];
    const hsize_t dims[] = { IMAGES, rows, columns };
    snprintf(path, sizeof path, "%s/maps.h5", folder);
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, 1);
    put(file, "/id", type, 1, dims, "ab");
    put(file, "/map", H5T_NATIVE_DOUBLE, 3, dims, values);
    H5Tclose(type);
    H5Fclose(file);
    return map_file_open(path, SIDE, ids, IMAGES, out, err);
}

static void maps_without_values_are_refused(void **state)
{
    static const struct {
        hsize_t rows, columns;
        const char *says;
    } shapes[] = { { 0, SIDE, "/map: maps of 0 x 32 hold nothing; 1 x 1 to 32 x 32 are" },
                   { SIDE, 0, "/map: maps of 32 x 0 hold nothing" },
                   { 0, 0, "/map: maps of 0 x 0 hold nothing" },
                   { SIDE, SIDE + 1, "/map: maps of 32 x 33; the model's images are 32 x 32" } };
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct map_file *m;
        struct error err = { 0 };
        assert_int_equal(open_hdf5(shapes[i].rows, shapes[i].columns, NULL, &m, &err), E_DATA);
        if (strstr(err.text, shapes[i].says) == NULL)
            fail_msg("%s\nlacks: %s", err.text, shapes[i].says);
        map_file_close(m);
    }
}

/* What float32 cannot hold is told as such, and not as NaN, and is not taken for a constant map. */
static void doubles_beyond_float32(void **state)
{
    static const struct {
        double first[4];
        const char *says; /* NULL: it is read */
    } maps[] = { { { 0, 1e50, 1, 2 }, "map of image a holds 1e+50, and maps are kept in float32" },
                 { { 0, -4e38, 1, 2 }, "map of image a holds -4e+38, and maps" },
                 { { 0, (double)INFINITY, 1, 2 }, "map of image a holds NaN or infinity" },
                 { { 0, (double)NAN, 1, 2 }, "map of image a holds NaN or infinity" },
                 { { 0, 1e-50, 2e-50, 0 }, "map of image a varies around 0 by less than float32" },
                 { { 7, 7 + 1e-12, 7, 7 }, "map of image a varies around 7 by less than float32" },
                 { { 0, 1e-50, 2e-50, 1 }, NULL },
                 { { 1e-50, 1e-50, 1e-50, 1e-50 }, NULL },
                 { { 3e38, -3e38, 1e-40, 0.1 }, NULL } };
    (void)state;
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
        struct map_file *m;
        struct error err = { 0 };
        double values[IMAGES * 4] = { 0 };
        float read[SIDE * SIDE];
        memcpy(values, maps[i].first, sizeof maps[i].first);
        assert_int_equal(open_hdf5(2, 2, values, &m, &err), OK);
        enum status status = map_file_read(m, "a", false, read, &err);
        assert_int_equal(status, maps[i].says != NULL ? E_DATA : OK);
        if (maps[i].says != NULL && strstr(err.text, maps[i].says) == NULL)
            fail_msg("%s\nlacks: %s", err.text, maps[i].says);
        for (int k = 0; status == OK && k < 4; k++)
            assert_true(read[k] == (float)maps[i].first[k]);
        map_file_close(m);
    }
}

/* ---- .npy ---------------------------------------------------------------------------------- */

/* a.npy with 96 floats below a header of this shape. */
static void put_npy(const char *shape)
{
    char path[100], text[128];
    const float values[96] = { 1 };
    snprintf(path, sizeof path, "%s/a.npy", folder);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    snprintf(text, sizeof text, "{'descr': '<f4', 'fortran_order': False, 'shape': %s, }", shape);
    fwrite("\x93NUMPY\x01\x00\x76\x00", 1, 10, f);
    fprintf(f, "%-117s\n", text);
    fwrite(values, sizeof values, 1, f);
    assert_int_equal(fclose(f), 0);
}

static void shapes_of_arrays(void **state)
{
    static const struct given shapes[] = {
        { "(8, 12)", NULL },
        { "(8, 12, )", NULL },
        { "(1, 8, 12)", "is no array of two dimensions" },
        { "(8, 12, 1)", "is no array of two dimensions" },
        { "(8, 12 1)", "is no array of two dimensions" },
        { "(96,)", "is no array of two dimensions" },
        { "(8, 6)", "holds other than the 192 bytes that 8 x 6 values need" },
        { "(0, 12)", "an array of 0 x 12" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct map_file *m;
        struct error err = { 0 };
        put_npy(shapes[i].text);
        enum status status = map_file_open(folder, SIDE, ids, IMAGES, &m, &err);
        if (shapes[i].says == NULL && status != OK)
            fail_msg("%s: %s", shapes[i].text, err.text);
        if (shapes[i].says != NULL && (status == OK || strstr(err.text, shapes[i].says) == NULL))
            fail_msg("%s: %s\nlacks: %s", shapes[i].text, err.text, shapes[i].says);
        map_file_close(m);
    }
}

int main(void)
{
    return RUN_TESTS(make_folder, remove_folder, TEST(maps_without_values_are_refused),
                     TEST(doubles_beyond_float32), TEST(shapes_of_arrays));
}
