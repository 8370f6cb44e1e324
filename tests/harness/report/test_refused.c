/* evalh report: files and arguments that are wrong are refused with a message that says what is,
 * and what would be right. */
#include <stdint.h>

#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report_tests.h"

static void drop(hid_t file, const char *path)
{
    assert_true(H5Ldelete(file, path, H5P_DEFAULT) >= 0);
}

static void replace(hid_t file, const char *path, hid_t type, int rank, hsize_t rows,
                    hsize_t columns)
{
    hsize_t dims[] = { rows, columns, columns };
    drop(file, path);
    hid_t space = H5Screate_simple(rank, dims, NULL);
    hid_t set = H5Dcreate2(file, path, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(set >= 0);
    H5Dclose(set);
    H5Sclose(space);
}

static void set_schema(hid_t file, int32_t value)
{
    hid_t a = H5Aopen(file, "schema", H5P_DEFAULT);
    assert_true(H5Awrite(a, H5T_NATIVE_INT32, &value) >= 0);
    H5Aclose(a);
}

static void move(hid_t file, const char *from, const char *to)
{
    assert_true(H5Lmove(file, from, file, to, H5P_DEFAULT, H5P_DEFAULT) >= 0);
}

/* A whole result file of 20 images, opened to be damaged; and what report says of it afterwards. */
static hid_t open_whole(void)
{
    struct make_result o = make_result_default;
    o.images = 20;
    o.methods = "raw";
    return H5Fopen(made("broken.h5", &o), H5F_ACC_RDWR, H5P_DEFAULT);
}

static void close_broken(hid_t file, const char *says)
{
    const char *path = in_folder("broken.h5");
    H5Fclose(file);
    struct outcome r = REPORT(path);
    if (!strstr(r.err, says) || !strstr(r.err, path))
        fail_msg("expected '%s', got '%s'", says, r.err);
    assert_int_equal(r.code, 2);
    assert_string_equal(r.out, ""); /* nothing is printed before all files were read */
    outcome_free(&r);
}

static void missing_parts(void **state)
{
    static const struct given parts[] = {
        { "schema", "no attribute schema: not a result file" },
        { "arch", "no attribute arch: a result file has it" },
        { "/images/label", "/images/label is missing: a result file has int32 [20] there" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        hid_t f = open_whole();
        if (parts[i].text[0] == '/')
            drop(f, parts[i].text);
        else
            H5Adelete(f, parts[i].text);
        close_broken(f, parts[i].says);
    }
    hid_t f = open_whole();
    drop(f, "/perturbation");
    drop(f, "/explain");
    close_broken(f, "nothing below /explain, /perturbation or /segmentation");
}

static void other_names(void **state)
{
    (void)state;
    hid_t f = open_whole();
    set_schema(f, 3);
    close_broken(f, "schema is 3: this evalh reads schemas 1 and 2");
    f = open_whole();
    move(f, "/perturbation/raw/predicted/positive", "/perturbation/raw/predicted/sideways");
    close_broken(f, "/perturbation/raw/predicted/sideways: a direction is positive or negative");
    f = open_whole();
    move(f, "/perturbation/raw/predicted", "/perturbation/raw/guessed");
    close_broken(f, "/perturbation/raw/guessed: the class is predicted or target");
}

/* Arrays of another type or shape in place of those of a result. */
static void other_arrays(void **state)
{
    const hid_t u8 = H5T_NATIVE_UINT8, i32 = H5T_NATIVE_INT32, f32 = H5T_NATIVE_FLOAT,
                f64 = H5T_NATIVE_DOUBLE;
    const struct {
        const char *path;
        hid_t type;
        int rank;
        hsize_t rows, columns;
        const char *says; /* behind the path */
    } arrays[] = {
        { "/images/status", i32, 1, 20, 0, " is int32 [20]: a result file has uint8 [20] there" },
        { "/images/label", i32, 1, 19, 0, " is int32 [19]: a result file has int32 [20] there" },
        { "/images/id", i32, 1, 20, 0, " is int32 [20]: a result file has strings [N]" },
        { "/perturbation/raw/predicted/positive/hit", u8, 2, 20, 9,
          " is uint8 [20, 9]: a result file has uint8 [20, 10] there" },
        { "/perturbation/raw/predicted/positive/prob", f64, 2, 20, 10,
          " is float64 [20, 10]: a result file has float32 [20, 10]" },
        { "/explain/raw/predicted/map", f32, 2, 20, 14,
          " is float32 [20, 14]: a result file has float32 [20, g, g] there" },
        { "/perturbation/raw", f32, 1, 20, 14, ": not a group" },
        { "/explain/raw/predicted/largest_tie", f32, 1, 20, 0,
          " is float32 [20]: a result file has int32 [20] there" },
    };
    char says[200];
    (void)state;
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        hid_t f = open_whole();
        replace(f, arrays[i].path, arrays[i].type, arrays[i].rank, arrays[i].rows,
                arrays[i].columns);
        snprintf(says, sizeof says, "%s%s", arrays[i].path, arrays[i].says);
        close_broken(f, says);
    }
}

/* Numbers that no run writes: the last of a dataset is changed. */
static void impossible_records(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        double value;
        const char *says; /* behind "image 20 (...) has " */
    } records[] = {
        { "/segmentation/raw/predicted/correct", 4097, "4097: 0 to 4096, the labelled pixels" },
        { "/segmentation/raw/predicted/correct", -1, "-1: 0 to 4096, the labelled pixels" },
        { "/segmentation/raw/predicted/labelled", 9000, "9000: 0 to 4096, the image's pixels" },
        { "/segmentation/raw/predicted/union", 5000, "5000: 0 to 4096, the labelled pixels" },
        { "/segmentation/raw/predicted/intersection", 4096, "4096: 0 to " },
        { "/segmentation/raw/predicted/ap", 1.5, "1.5: 0 to 1 can be" },
        { "/perturbation/raw/target/negative/hit", 2, "2: 0 to 1, missed or hit, can be" },
        { "/perturbation/raw/predicted/positive/prob", 40, "40: 0 to 1 can be" },
        { "/explain/raw/predicted/largest_tie", 4097, "4097: 0 to 4096, the image's pixels" },
    };
    for (size_t i = 0; i < sizeof records / sizeof *records; i++)
        for (int skipped = 0; skipped < 2; skipped++) {
            struct make_result o = make_result_default;
            double numbers[400];
            o.images = 20;
            o.methods = "raw";
            o.segmentation = true;
            o.image_size = 64;
            hid_t f = H5Fopen(made("broken.h5", &o), H5F_ACC_RDWR, H5P_DEFAULT);
            hid_t set = H5Dopen2(f, records[i].path, H5P_DEFAULT), space = H5Dget_space(set);
            size_t last = (size_t)H5Sget_simple_extent_npoints(space) - 1;
            H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers);
            numbers[skipped ? 0 : last] = records[i].value; /* the first image is skipped */
            H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers);
            H5Sclose(space);
            H5Dclose(set);
            if (!skipped) {
                char says[200];
                snprintf(says, sizeof says, ": image 20 (image_00019.JPEG) has %s",
                         records[i].says);
                close_broken(f, says);
                continue;
            }
            H5Fclose(f);
            EXPECT(REPORT(in_folder("broken.h5"), "--resamples", "10"), 0, "3 skipped");
        }
}

/* A file cut short or with bytes turned over is refused or read; it never crashes. */
static void mangled_files(void **state)
{
    (void)state;
    struct make_result o = make_result_default;
    o.images = 20;
    o.methods = "raw";
    const char *path = made("whole.h5", &o), *bad = in_folder("mangled.h5");
    FILE *f = fopen(path, "rb");
    char bytes[1 << 18];
    size_t size = fread(bytes, 1, sizeof bytes, f);
    uint32_t seed = 5;
    fclose(f);
    assert_true(size > 1000);
    for (int round = 0; round < 60; round++) {
        char *copy = malloc(size);
        memcpy(copy, bytes, size);
        seed = seed * 1664525u + 1013904223u;
        size_t keep = round % 2 ? size : seed % size;
        for (int k = 0; round % 2 && k < 8; k++) {
            seed = seed * 1664525u + 1013904223u;
            copy[(seed >> 4) % size] ^= (char)(seed >> 24);
        }
        f = fopen(bad, "wb");
        fwrite(copy, 1, keep, f);
        fclose(f);
        free(copy);
        struct outcome r = REPORT(bad, "--resamples", "10");
        assert_true(r.code == 0 || r.code == 2);
        assert_true(r.code == 0 || strstr(r.err, bad));
        if (keep < size / 2)
            assert_int_equal(r.code, 2);
        outcome_free(&r);
    }
}

static void wrong_arguments(void **state)
{
    (void)state;
    struct make_result o = make_result_default;
    const char *path = made("good.h5", &o), *text = in_folder("text.h5");
    FILE *f = fopen(text, "w");
    fputs("no HDF5 here\n", f);
    fclose(f);
    const struct refused_call calls[] = {
        { { "/nowhere/x.h5" }, "/nowhere/x.h5: No such file" },
        { { text }, "not an HDF5 file" },
        { { path, "--standalone" }, "--standalone is for --format latex" },
        { { path, "--format", "pdf" }, "md, csv, latex, json or html" },
        { { path, "--resamples", "3" }, "a whole number from 10 to 100000" },
        { { path, "--resamples", "1e9" }, "a whole number from 10 to 100000" },
        { { path, "--published", "/nowhere" }, "/nowhere/models.ini" },
        { { NULL }, "a result file (.h5) is expected" },
    };
    expect_refused(&command_report, calls, sizeof calls / sizeof *calls);
    EXPECT(REPORT("--help"), 0, "--plots");
}

int main(void)
{
    return RUN_TESTS(make_folder, remove_folder, TEST(missing_parts), TEST(other_names),
                     TEST(other_arrays), TEST(impossible_records), TEST(mangled_files),
                     TEST(wrong_arguments));
}
