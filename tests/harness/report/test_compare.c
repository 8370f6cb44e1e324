/* evalh compare: a run is equal to itself; a flipped hit, a changed map, another set of images and
 * a slower run are each named; the paired figures are those of the records. */
#include <stdint.h>

#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compare.h"

#include "report_tests.h"

static const char *const hit_path = "/perturbation/raw/predicted/positive/hit";
static const char *const map_path = "/explain/attribution/target/map";

/* Two equal files a.h5, b.h5; b is then changed by `change`. */
static void make_pair(void (*change)(hid_t))
{
    struct make_result o = make_result_default;
    o.images = 40;
    o.methods = "raw attribution";
    o.segmentation = true;
    made("a.h5", &o);
    hid_t b = H5Fopen(made("b.h5", &o), H5F_ACC_RDWR, H5P_DEFAULT);
    change(b);
    H5Fclose(b);
}

static void put_seconds(hid_t file, double seconds)
{
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t a = H5Acreate2(file, "seconds", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(a, H5T_NATIVE_DOUBLE, &seconds);
    H5Aclose(a);
    H5Sclose(space);
}

static void nothing(hid_t file)
{
    (void)file;
}

static void flip_hit(hid_t file)
{
    uint8_t hit[40 * 10];
    hid_t set = H5Dopen2(file, hit_path, H5P_DEFAULT);
    H5Dread(set, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, hit);
    hit[10 * 17 + 4] ^= 1;
    H5Dwrite(set, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, hit);
    H5Dclose(set);
}

static void change_map(hid_t file)
{
    static float map[40 * 14 * 14];
    hid_t set = H5Dopen2(file, map_path, H5P_DEFAULT);
    H5Dread(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, map);
    map[23 * 14 * 14 + 5] += 1e-3f;
    H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, map);
    H5Dclose(set);
}

static void drop_entry(hid_t file)
{
    H5Ldelete(file, "/segmentation/raw/target", H5P_DEFAULT);
}

static void rename_image(hid_t file)
{
    char id[40][32];
    hid_t set = H5Dopen2(file, "/images/id", H5P_DEFAULT), type = H5Dget_type(set);
    H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, id);
    strcpy(id[9], "other.JPEG");
    H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, id);
    H5Tclose(type);
    H5Dclose(set);
}

static void slow_down(hid_t file)
{
    put_seconds(file, 150);
}

static void verdicts(void **state)
{
    (void)state;
    const struct {
        void (*change)(hid_t);
        const char *option, *value;
        int code;
        const char *says[3];
    } cases[] = {
        { nothing, NULL, NULL, 0, { "verdict: equal", "bit for bit" } },
        { flip_hit, NULL, NULL, 1, { "perturbation/raw/predicted/positive/hit", "image_00017" } },
        { flip_hit, "--tolerance", "0.5", 1, { "numbers differ", "image_00017" } },
        { change_map, NULL, NULL, 1, { "explain/attribution/target/map", "image_00023", "1 of " } },
        { change_map, "--tolerance", "0.01", 0, { "verdict: equal", "within the tolerance" } },
        { drop_entry, NULL, NULL, 1, { "only A: segmentation/raw/target" } },
        { rename_image, NULL, NULL, 1, { "verdict: other images", "number 10", "other.JPEG" } },
        { slow_down, NULL, NULL, 1, { "numbers equal, but slower", "1.50 times" } },
        { slow_down, "--slower", "2", 0, { "verdict: equal", "1.50 times" } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        make_pair(cases[i].change);
        if (cases[i].change == slow_down) {
            hid_t a = H5Fopen(in_folder("a.h5"), H5F_ACC_RDWR, H5P_DEFAULT);
            put_seconds(a, 100);
            H5Fclose(a);
        }
        const char *arguments[] = { in_folder("a.h5"), in_folder("b.h5"), cases[i].option,
                                    cases[i].value, NULL };
        struct outcome r = run_command(&command_compare, arguments);
        for (int k = 0; k < 3 && cases[i].says[k]; k++)
            if (!strstr(r.out, cases[i].says[k]))
                fail_msg("case %zu: expected '%s', got '%s'", i, cases[i].says[k], r.out);
        assert_int_equal(r.code, cases[i].code);
        outcome_free(&r);
    }
}

static void wrong_arguments(void **state)
{
    (void)state;
    make_pair(nothing);
    const struct refused_call calls[] = {
        { { in_folder("a.h5") }, "two result files (.h5) are expected" },
        { { in_folder("a.h5"), in_folder("none.h5") }, "none.h5: No such file" },
        { { in_folder("a.h5"), in_folder("b.h5"), "--tolerance", "-1" }, "a number from 0 to 1" },
        { { in_folder("a.h5"), in_folder("b.h5"), "--slower", "0.5" }, "a number from 1 to" },
    };
    expect_refused(&command_compare, calls, sizeof calls / sizeof *calls);
}

/* Two runs on the same images that differ in more than noise. */
static void paired_figures(void **state)
{
    (void)state;
    struct make_result o = make_result_default;
    o.methods = "raw rollout";
    o.segmentation = true;
    assert_int_equal(make_result_file(in_folder("a.h5"), &o), 0);
    struct result *a, *b;
    assert_int_equal(result_open(in_folder("a.h5"), &a, NULL), OK);
    assert_int_equal(result_open(in_folder("a.h5"), &b, NULL), OK);

    /* b: of every third image the label is never lost, and a tenth has another first answer */
    struct result_curve *c = &b->curve[0];
    size_t only_a = 0;
    double sum = 0;
    for (size_t i = 0; i < b->images; i++) {
        for (size_t k = 0; k < 10; k++) {
            uint8_t before = c->hit[10 * i + k];
            c->hit[10 * i + k] |= i % 3 == 0;
            sum += b->status[i] == 0 ? (c->hit[10 * i + k] - before) * (k % 9 ? 1 : 0.5) : 0;
        }
        if (i % 10 == 7) {
            only_a += b->status[i] == 0 && b->predicted[i] == b->label[i];
            b->predicted[i] = b->label[i] + 1;
        }
    }
    struct paired p;
    assert_int_equal(pair_results(a, b, &bootstrap_default, true, &p, NULL), OK);
    assert_int_equal(p.images, 197);
    assert_int_equal(p.top1.only_a, only_a);
    assert_int_equal(p.top1.only_b, 0);
    assert_true(fabs(p.top1.p_exact - 2 * pow(0.5, (double)only_a)) < 1e-12);
    /* 2 methods, both classes as one since they have one map: 2 curves and 3 scores each */
    assert_int_equal(p.rows, 2 * (2 + 3));
    double want = 10 * sum / 197;
    for (size_t i = 0; i < p.rows; i++) {
        const struct paired_row *r = &p.row[i];
        double difference = r->value[1] - r->value[0];
        int changed = i == 0;
        assert_true(fabs(difference - (changed ? want : 0)) < 1e-9);
        assert_true(r->difference.low <= difference && difference <= r->difference.high);
        /* a paired interval is far narrower than those of the two values */
        assert_true(r->difference.high - r->difference.low < 0.5 * want + 4);
        bool curve = strstr(r->figure, "AUC") != NULL;
        assert_true(isnan(r->p_holm) == !curve && isnan(r->effect.share_better) == !curve);
        assert_true(!curve || r->p_holm >= r->p_signs);
        if (changed) /* more hits where the hottest pixels are gone: worse */
            assert_true(r->p_holm < 0.01 && r->effect.d_z < 0 && r->effect.share_better < 0.5);
        else if (curve)
            assert_true(r->p_signs == 1 && isnan(r->effect.d_z) && r->effect.share_better == 0.5);
        if (!changed) /* 0 of 197: up to 1.9 % of others may differ, by 100 points at most */
            assert_true(r->difference.high - r->difference.low < 4);
    }
    paired_free(&p);
    result_close(a);
    result_close(b);
}

/* A method that knows no class is compared once, so that Holm's correction counts it once. */
static void agnostic_once(void **state)
{
    (void)state;
    struct make_result o = make_result_default;
    o.methods = "raw attribution";
    o.segmentation = true;
    made("a.h5", &o);
    o.seed = 2;
    made("b.h5", &o);
    struct result *r[2];
    struct paired p;
    assert_int_equal(result_open(in_folder("a.h5"), &r[0], NULL), OK);
    assert_int_equal(result_open(in_folder("b.h5"), &r[1], NULL), OK);
    memcpy(r[1]->label, r[0]->label, r[0]->images * sizeof *r[0]->label);
    assert_int_equal(pair_results(r[0], r[1], &bootstrap_default, true, &p, NULL), OK);
    assert_int_equal(p.rows, (1 + 2) * (2 + 3));
    double least = 1;
    for (size_t i = 0; i < p.rows; i++) {
        assert_true(p.row[i].agnostic == (strcmp(p.row[i].method, "raw") == 0));
        assert_true(!p.row[i].agnostic || p.row[i].explained == EXPLAINED_PREDICTED);
        least = p.row[i].p_signs < least ? p.row[i].p_signs : least;
    }
    for (size_t i = 0; i < p.rows; i++) /* of 2 curves of raw and 4 of attribution */
        if (p.row[i].p_signs == least)
            assert_true(fabs(p.row[i].p_holm - fmin(1, 6 * least)) < 1e-12);
    paired_free(&p);
    /* where only one of the runs knows it as such, the classes are apart */
    for (size_t i = 0; i < r[1]->maps; i++)
        r[1]->map[i].agnostic = false;
    assert_int_equal(pair_results(r[0], r[1], &bootstrap_default, false, &p, NULL), OK);
    assert_int_equal(p.rows, (2 + 2) * (2 + 3));
    paired_free(&p);
    result_close(r[0]);
    result_close(r[1]);
    const char *arguments[] = { "--paired", in_folder("a.h5"), in_folder("b.h5"), NULL };
    struct outcome said = run_command(&command_compare, arguments);
    assert_non_null(strstr(said.out, "| both "));
    outcome_free(&said);
}

int main(void)
{
    return RUN_TESTS(make_folder, remove_folder, TEST(verdicts), TEST(wrong_arguments),
                     TEST(paired_figures), TEST(agnostic_once));
}
