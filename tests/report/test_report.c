/* evalh report: broken files are refused with a message that says what is wrong; tables say what
 * the records say; published figures appear only where they may. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "make_result.h"
#include "report.h"
#include "run_command.h"

#include <cmocka.h> /* last: its fail() macro hides status.h's function */

/* Arguments of evalh report; NULL ends them. */
#define REPORT(...) run_command(&command_report, (const char *const[]){ __VA_ARGS__, NULL })

static const char *made(const char *name, const struct make_result *o)
{
    const char *path = in_folder(name);
    assert_int_equal(make_result_file(path, o), 0);
    return path;
}

/* --- broken files ---------------------------------------------------------------------------- */

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
        set_schema(f, 2);
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
        "schema is 2: this evalh reads schema 1",
        "no attribute schema: not a result file",
        "no attribute arch: schema 1 has it",
        "/images/label is missing: schema 1 has int32 [20] there",
        "/images/status is int32 [20]: schema 1 has uint8 [20] there",
        "/images/label is int32 [19]: schema 1 has int32 [20] there",
        "/images/id is int32 [20]: schema 1 has strings [N]",
        "/perturbation/raw/predicted/positive/hit is uint8 [20, 9]: schema 1 has uint8 [20, 10] "
        "there",
        "/perturbation/raw/predicted/positive/prob is float64 [20, 10]: schema 1 has float32 [20, "
        "10]",
        "/perturbation/raw/predicted/sideways: a direction is positive or negative",
        "/perturbation/raw/guessed: the class is predicted or target",
        "nothing below /perturbation or /segmentation",
        "/explain/raw/predicted/map is float32 [20, 14]: schema 1 has float32 [20, g, g] there",
        "/perturbation/raw: not a group",
        "/explain/raw/predicted/largest_tie is float32 [20]: schema 1 has int32 [20] there",
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

/* --- values ---------------------------------------------------------------------------------- */

static double number(const cJSON *at, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(at, key);
    assert_non_null(item);
    return cJSON_IsNull(item) ? NAN : item->valuedouble;
}

static const cJSON *get(const cJSON *at, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(at, key);
    assert_non_null(item);
    return item;
}

static const cJSON *find_row(const cJSON *rows, const char *method, const char *explained,
                             const char *stratum)
{
    const cJSON *row;
    cJSON_ArrayForEach(row,
                       rows) if (strcmp(get(row, "method")->valuestring, method) == 0 &&
                                 strcmp(get(row, "class")->valuestring, explained) == 0 &&
                                 strcmp(get(row, "stratum")->valuestring, stratum) == 0) return row;
    fail_msg("no row %s %s %s", method, explained, stratum);
    return NULL;
}

/* The AUC of one entry, from the file's own records, written out. */
static double recomputed_auc(const struct result *r, const struct result_curve *c, int correct)
{
    double sum[10] = { 0 }, area = 0;
    int n = 0;
    for (size_t i = 0; i < r->images; i++) {
        int right = r->predicted[i] == r->label[i];
        if (r->status[i] != 0 || (correct >= 0 && right != correct))
            continue;
        n++;
        for (size_t k = 0; k < 10; k++)
            sum[k] += c->hit[10 * i + k];
    }
    for (int k = 0; k < 9; k++)
        area += 0.1 * (sum[k] + sum[k + 1]) / 2;
    return 100 * area / n;
}

static void perturbation_values(void **state)
{
    (void)state;
    struct make_result o = make_result_default;
    const char *path = made("values.h5", &o);
    struct outcome r = REPORT(path, "--format", "json");
    assert_int_equal(r.code, 0);
    cJSON *json = cJSON_Parse(r.out);
    assert_non_null(json);
    const cJSON *run = cJSON_GetArrayItem(get(json, "runs"), 0);
    assert_true(number(run, "images") == 200 && number(run, "skipped") == 3);
    assert_true(number(run, "inconsistent") == 0);
    const cJSON *rows = get(get(run, "perturbation"), "rows");
    /* 4 methods, 2 classes, 3 strata */
    assert_int_equal(cJSON_GetArraySize(rows), 24);

    struct result *result;
    assert_int_equal(result_open(path, &result, NULL), OK);
    assert_int_equal(result->curves, 16);
    static const char *const strata[] = { "all", "wrong", "correct" };
    for (size_t i = 0; i < result->curves; i++)
        for (int s = 0; s < 3; s++) {
            const struct result_curve *c = &result->curve[i];
            const cJSON *row = find_row(rows, c->method, explained_names[c->explained], strata[s]);
            const cJSON *auc = get(get(row, removal_names[c->removal]), "auc");
            double value = number(auc, "value");
            assert_true(fabs(value - recomputed_auc(result, c, s - 1)) < 1e-9);
            assert_true(number(auc, "low") <= value && value <= number(auc, "high"));
            assert_true(isnan(number(auc, "published"))); /* a demo run */
        }
    result_close(result);
    cJSON_Delete(json);
    outcome_free(&r);
}

static void segmentation_values(void **state)
{
    (void)state;
    struct make_result o = make_result_default;
    o.segmentation = true;
    o.perturbation = false;
    o.labels = false;
    const char *path = made("seg.h5", &o);
    struct outcome r = REPORT(path, "--format", "json");
    cJSON *json = cJSON_Parse(r.out);
    const cJSON *run = cJSON_GetArrayItem(get(json, "runs"), 0);
    assert_true(isnan(number(get(run, "top1"), "value")));
    const cJSON *rows = get(get(run, "segmentation"), "rows");
    assert_int_equal(cJSON_GetArraySize(rows), 4); /* no labels: no strata, no target */

    struct result *result;
    assert_int_equal(result_open(path, &result, NULL), OK);
    for (size_t m = 0; m < result->segmentations; m++) {
        const struct result_segmentation *s = &result->segmentation[m];
        double correct = 0, labelled = 0, inter[2] = { 0 }, united[2] = { 0 }, ap = 0;
        for (size_t i = 0; i < result->images; i++) {
            if (result->status[i] != 0)
                continue;
            correct += s->score[i].correct;
            labelled += s->score[i].labelled;
            ap += (double)s->score[i].ap / 197;
            for (int c = 0; c < 2; c++) {
                inter[c] += s->score[i].intersection[c];
                united[c] += s->score[i].united[c];
            }
        }
        const cJSON *row = find_row(rows, s->method, "predicted", "all");
        const double want[] = { 100 * correct / labelled, 100 * ap,
                                50 * (inter[0] / united[0] + inter[1] / united[1]) };
        for (int k = 0; k < SEGMENTATION_METRICS; k++) {
            const cJSON *figure = get(row, segmentation_keys[k]);
            assert_true(fabs(number(figure, "value") - want[k]) < 1e-9);
            assert_true(number(figure, "low") < want[k] && want[k] < number(figure, "high"));
        }
    }
    result_close(result);
    cJSON_Delete(json);
    outcome_free(&r);
}

/* --- published figures ----------------------------------------------------------------------- */

/* The published positive AUC of `raw`, and what its setting says. */
static double published_raw(const struct make_result *o, char *why, size_t size, bool *same)
{
    const char *path = made("published.h5", o);
    struct outcome r = REPORT(path, "--format", "json", "--resamples", "10");
    assert_int_equal(r.code, 0);
    cJSON *json = cJSON_Parse(r.out);
    const cJSON *task = get(cJSON_GetArrayItem(get(json, "runs"), 0), "perturbation");
    const cJSON *auc =
        get(get(find_row(get(task, "rows"), "raw", "predicted", "all"), "positive"), "auc");
    snprintf(why, size, "%s", get(task, "setting")->valuestring);
    double published = number(auc, "published");
    *same = cJSON_IsTrue(get(auc, "same_setting"));
    assert_true(isnan(number(auc, "difference")) == !*same);
    /* never for the other class */
    auc = get(get(find_row(get(task, "rows"), "raw", "target", "all"), "positive"), "auc");
    assert_true(isnan(number(auc, "published")));
    cJSON_Delete(json);
    outcome_free(&r);
    return published;
}

static void published_figures(void **state)
{
    (void)state;
    char why[512];
    bool same;
    struct make_result o = make_result_default;
    o.methods = "raw";
    o.arch = "vim_small";
    o.dataset = "imagenet";
    o.checkpoint = "vim_s_midclstok_80p5acc.pth";
    o.skipped = 0;
    o.images = 50000;
    assert_true(published_raw(&o, why, sizeof why, &same) == 17.27 && same);
    assert_string_equal(why, "");

    o.images = 100;
    assert_true(published_raw(&o, why, sizeof why, &same) == 17.27 && !same);
    assert_string_equal(why, "100 of 50000 images");
    o.checkpoint = "mine.pth";
    o.protocol = "paper";
    o.explain = "start_layer = 3\n";
    assert_true(published_raw(&o, why, sizeof why, &same) == 17.27 && !same);
    assert_non_null(strstr(why, "not known by its name"));
    assert_non_null(strstr(why, "protocol = paper"));
    assert_non_null(strstr(why, "explain.start_layer = 3"));

    o.top1 = 0.01; /* random weights */
    assert_true(isnan(published_raw(&o, why, sizeof why, &same)));
    assert_non_null(strstr(why, "other weights"));
    o.top1 = 0.8;
    o.dataset = "demo";
    assert_true(isnan(published_raw(&o, why, sizeof why, &same)));
    assert_non_null(strstr(why, "the data set is demo, not ImageNet validation"));
    o.arch = "vim_tiny";
    assert_true(isnan(published_raw(&o, why, sizeof why, &same)));
    assert_non_null(strstr(why, "nothing was published for vim_tiny"));

    o.arch = "deit_small";
    o.dataset = "imagenet_list";
    o.protocol = "released";
    o.explain = "";
    assert_true(published_raw(&o, why, sizeof why, &same) == 20.69 && !same);
    assert_non_null(strstr(why, "hash does not begin with cd65a155"));
}

/* An ablation is compared with the published ablation, and with nothing else. */
static void published_ablation(void **state)
{
    (void)state;
    struct make_result o = make_result_default;
    o.methods = "raw rollout";
    o.arch = "vim_small";
    o.dataset = "imagenet_seg";
    o.labels = false;
    o.perturbation = false;
    o.segmentation = true;
    o.explain = "aggregate = max\n";
    const char *path = made("ablation.h5", &o);
    struct outcome r = REPORT(path, "--format", "json", "--resamples", "10");
    cJSON *json = cJSON_Parse(r.out);
    const cJSON *rows = get(get(cJSON_GetArrayItem(get(json, "runs"), 0), "segmentation"), "rows");
    assert_true(number(get(find_row(rows, "rollout", "predicted", "all"), "map"), "published") ==
                79.41);
    assert_true(isnan(number(get(find_row(rows, "raw", "predicted", "all"), "map"), "published")));
    cJSON_Delete(json);
    outcome_free(&r);
}

/* --- formats --------------------------------------------------------------------------------- */

static void text_formats(void **state)
{
    (void)state;
    struct make_result o = make_result_default;
    o.images = 30;
    o.methods = "raw we_ird%$&|<x>";
    o.segmentation = true;
    const char *path = made("formats.h5", &o);
    struct outcome md = REPORT(path), csv = REPORT(path, "--format", "csv"),
                   latex = REPORT(path, "--format", "latex");
    assert_true(md.code == 0 && csv.code == 0 && latex.code == 0);
    assert_non_null(strstr(md.out, "| raw"));
    assert_non_null(strstr(md.out, "Published: n/a, because nothing was published for vim_tiny."));
    assert_non_null(strstr(md.out, "Top-1: "));
    assert_non_null(strstr(latex.out, "\\begin{tabular}"));
    assert_non_null(strstr(latex.out, "we\\_ird\\%\\$\\&\\textbar{}\\textless{}x\\textgreater{}"));
    /* every line of the CSV has the header's 18 fields; no field of this file needs quotes */
    for (char *line = strtok(csv.out, "\n"); line; line = strtok(NULL, "\n")) {
        int commas = 0;
        for (const char *c = line; *c; c++)
            commas += *c == ',';
        assert_int_equal(commas, 17);
    }
    outcome_free(&md);
    outcome_free(&csv);
    outcome_free(&latex);
}

/* No image scored: dashes, not a crash and not a number. */
static void nothing_scored(void **state)
{
    (void)state;
    struct make_result o = make_result_default;
    o.images = 5;
    o.skipped = 5;
    o.segmentation = true;
    const char *path = made("nothing.h5", &o);
    struct outcome md = REPORT(path), json = REPORT(path, "--format", "json");
    assert_true(md.code == 0 && json.code == 0);
    assert_non_null(strstr(md.out, "0 images scored, 5 skipped"));
    assert_null(strstr(md.out, "nan"));
    assert_null(strstr(json.out, "nan"));
    outcome_free(&md);
    outcome_free(&json);
}

static void plots(void **state)
{
    (void)state;
    if (system("gnuplot --version >/dev/null 2>&1") != 0) {
        print_message("SKIPPED: gnuplot is not installed\n");
        skip();
    }
    static const char *const files[] = {
        "plots/deep/plot's-perturbation-predicted.png",
        "plots/deep/plot's-perturbation-target.pdf",
        "plots/deep/plot's-segmentation-predicted.svg",
        "plots/deep/plot's-segmentation-target.png",
    };
    struct make_result o = make_result_default;
    o.images = 40;
    o.methods = "raw attribution it's_odd";
    o.segmentation = true;
    const char *path = made("plot's.h5", &o);
    struct outcome r = REPORT(path, "--plots", in_folder("plots/deep"));
    if (r.code != 0)
        fail_msg("%s", r.err);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char *picture = read_file(in_folder(files[i]));
        assert_true(memcmp(picture, "\x89PNG", 4) == 0 || memcmp(picture, "%PDF", 4) == 0 ||
                    memcmp(picture, "<?xml", 5) == 0);
        free(picture);
    }
    outcome_free(&r);
    /* `out` is a file */
    r = REPORT(in_folder("plot's.h5"), "--plots", in_folder("out/x"));
    assert_int_equal(r.code, 1);
    assert_non_null(strstr(r.err, "a directory to write plots into is expected"));
    outcome_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broken_files),        cmocka_unit_test(mangled_files),
        cmocka_unit_test(wrong_arguments),     cmocka_unit_test(perturbation_values),
        cmocka_unit_test(segmentation_values), cmocka_unit_test(published_figures),
        cmocka_unit_test(published_ablation),  cmocka_unit_test(text_formats),
        cmocka_unit_test(nothing_scored),      cmocka_unit_test(plots),
    };
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
