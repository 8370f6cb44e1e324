/* evalh report: files and arguments that are wrong are refused with a message that says what is,
 * and what would be right. */
#include <stdint.h>

#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "make_result.h"
#include "run_command.h"

#include "run_tests.h"

/* Arguments of evalh report; NULL ends them. */
#define REPORT(...) run_command(&command_report, (const char *const[]){ __VA_ARGS__, NULL })

static const char *made(const char *name, const struct make_result *o)
{
    const char *path = in_folder(name);
    assert_int_equal(make_result_file(path, o), 0);
    return path;
}

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

static void damage(hid_t f, int which)
{
    switch (which) {
    case 0:
        set_schema(f, 3);
        break;
    case 1:
        H5Adelete(f, "schema");
        break;
    case 2:
        H5Adelete(f, "arch");
        break;
    case 3:
        drop(f, "/images/label");
        break;
    case 4:
        replace(f, "/images/status", H5T_NATIVE_INT32, 1, 20, 0);
        break;
    case 5:
        replace(f, "/images/label", H5T_NATIVE_INT32, 1, 19, 0);
        break;
    case 6:
        replace(f, "/images/id", H5T_NATIVE_INT32, 1, 20, 0);
        break;
    case 7:
        replace(f, "/perturbation/raw/predicted/positive/hit", H5T_NATIVE_UINT8, 2, 20, 9);
        break;
    case 8:
        replace(f, "/perturbation/raw/predicted/positive/prob", H5T_NATIVE_DOUBLE, 2, 20, 10);
        break;
    case 9:
        H5Lmove(f, "/perturbation/raw/predicted/positive", f,
                "/perturbation/raw/predicted/sideways", H5P_DEFAULT, H5P_DEFAULT);
        break;
    case 10:
        H5Lmove(f, "/perturbation/raw/predicted", f, "/perturbation/raw/guessed", H5P_DEFAULT,
                H5P_DEFAULT);
        break;
    case 11:
        drop(f, "/perturbation");
        drop(f, "/explain");
        break;
    case 12:
        replace(f, "/explain/raw/predicted/map", H5T_NATIVE_FLOAT, 2, 20, 14);
        break;
    case 13:
        replace(f, "/perturbation/raw", H5T_NATIVE_FLOAT, 1, 20, 14);
        break;
    case 14:
        replace(f, "/explain/raw/predicted/largest_tie", H5T_NATIVE_FLOAT, 1, 20, 0);
        break;
    default:
        break;
    }
}

static void broken_files(void **state)
{
    (void)state;
    static const char *const says[] = {
        "schema is 3: this evalh reads schemas 1 and 2",
        "no attribute schema: not a result file",
        "no attribute arch: a result file has it",
        "/images/label is missing: a result file has int32 [20] there",
        "/images/status is int32 [20]: a result file has uint8 [20] there",
        "/images/label is int32 [19]: a result file has int32 [20] there",
        "/images/id is int32 [20]: a result file has strings [N]",
        "/perturbation/raw/predicted/positive/hit is uint8 [20, 9]: a result file has uint8 [20, "
        "10] "
        "there",
        "/perturbation/raw/predicted/positive/prob is float64 [20, 10]: a result file has float32 "
        "[20, "
        "10]",
        "/perturbation/raw/predicted/sideways: a direction is positive or negative",
        "/perturbation/raw/guessed: the class is predicted or target",
        "nothing below /explain, /perturbation or /segmentation",
        "/explain/raw/predicted/map is float32 [20, 14]: a result file has float32 [20, g, g] "
        "there",
        "/perturbation/raw: not a group",
        "/explain/raw/predicted/largest_tie is float32 [20]: a result file has int32 [20] there",
    };
    struct make_result o = make_result_default;
    o.images = 20;
    o.methods = "raw";
    for (int i = 0; i < (int)(sizeof says / sizeof *says); i++) {
        const char *path = made("broken.h5", &o);
        hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
        damage(file, i);
        H5Fclose(file);
        struct outcome r = REPORT(path);
        if (!strstr(r.err, says[i]) || !strstr(r.err, path))
            fail_msg("case %d: expected '%s', got '%s'", i, says[i], r.err);
        assert_int_equal(r.code, 2);
        assert_string_equal(r.out, ""); /* nothing is printed before all files were read */
        outcome_free(&r);
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
    const struct {
        const char *arguments[4];
        const char *says;
    } cases[] = {
        { { "/nowhere/x.h5" }, "/nowhere/x.h5: No such file" },
        { { text }, "not an HDF5 file" },
        { { path, "--standalone" }, "--standalone is for --format latex" },
        { { path, "--format", "pdf" }, "md, csv, latex, json or html" },
        { { path, "--resamples", "3" }, "a whole number from 10 to 100000" },
        { { path, "--resamples", "1e9" }, "a whole number from 10 to 100000" },
        { { path, "--published", "/nowhere" }, "/nowhere/models.ini" },
        { { NULL }, "a result file (.h5) is expected" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct outcome r = run_command(&command_report, cases[i].arguments);
        if (!strstr(r.err, cases[i].says))
            fail_msg("case %zu: expected '%s', got '%s'", i, cases[i].says, r.err);
        assert_int_equal(r.code, 2);
        outcome_free(&r);
    }
    struct outcome help = REPORT("--help");
    assert_int_equal(help.code, 0);
    assert_non_null(strstr(help.out, "--plots"));
    outcome_free(&help);
}

int main(void)
{
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    return RUN_TESTS(make_folder, remove_folder, TEST(broken_files), TEST(mangled_files),
                     TEST(wrong_arguments));
}
