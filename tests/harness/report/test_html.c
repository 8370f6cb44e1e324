/* The page of evalh report: whole, well-formed, sealed off from any network; its pictures; the
 * ledger; precision and recall. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_page.h"
#include "image_scores.h"
#include "json_rows.h"
#include "ledger.h"
#include "make_result.h"
#include "precision_recall.h"
#include "run_command.h"

#include <cmocka.h> /* last: its fail() macro hides status.h's function */

#define REPORT(...) run_command(&command_report, (const char *const[]){ __VA_ARGS__, NULL })

static const char *made(const char *name, const struct make_result *o)
{
    const char *path = in_folder(name);
    assert_int_equal(make_result_file(path, o), 0);
    return path;
}

/* --- pages ----------------------------------------------------------------------------------- */

static void page(void **state)
{
    (void)state;
    struct make_result o = make_result_default;
    o.images = 60;
    o.methods = "raw rollout attribution we_ird&<x>\"' random";
    o.arch = "vim_small"; /* has published figures */
    o.dataset = "imagenet_seg";
    o.segmentation = true;
    const char *path = made("page.h5", &o);
    struct outcome html = REPORT(path, "--format", "html"), md = REPORT(path);
    assert_int_equal(html.code, 0);
    check_page(html.out);
    check_sealed(html.out);
    check_values(html.out, md.out);
    static const char *const says[] = { "we_ird&amp;&lt;x&gt;&quot;'",
                                        "name=\"viewport\"",
                                        "@media print",
                                        "prefers-color-scheme: dark",
                                        "n = 57",
                                        "No precision-recall figure",
                                        "Heat maps alone",
                                        "data:image/jpeg;base64,/9j/",
                                        "In short",
                                        "Which method comes first",
                                        "<h3>All images</h3>",
                                        "[explain]",
                                        "57 images scored, 3 skipped",
                                        "image_00059.JPEG" };
    for (size_t i = 0; i < sizeof says / sizeof *says; i++)
        if (!strstr(html.out, says[i]))
            fail_msg("no '%s' in the page", says[i]);
    assert_int_equal(count_of(html.out, "<svg class=\"chart\""), 2 * 2 + 2);
    assert_int_equal(count_of(html.out, "<caption>"), 7);
    assert_int_equal(count_of(html.out, "class=\"series\""), 2 * 2 * 5);
    assert_null(strstr(html.out, ">nan"));
    assert_null(strstr(html.out, "\"nan"));
    outcome_free(&html);
    outcome_free(&md);
}

/* Nothing scored, nothing labelled, one image, two files of one name: still pages. */
static void odd_pages(void **state)
{
    (void)state;
    const struct {
        size_t images;
        int skipped;
        bool labels, perturbation, segmentation, extras;
    } cases[] = { { 5, 5, true, true, true, true },
                  { 5, 0, false, false, true, false },
                  { 1, 0, true, true, true, true },
                  { 2, 1, true, true, false, false } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct make_result o = make_result_default;
        o.images = cases[i].images;
        o.skipped = cases[i].skipped;
        o.labels = cases[i].labels;
        o.perturbation = cases[i].perturbation;
        o.segmentation = cases[i].segmentation;
        o.extras = cases[i].extras;
        const char *path = made("odd.h5", &o);
        struct outcome r = REPORT(path, path, "--format", "html");
        assert_int_equal(r.code, 0);
        check_page(r.out);
        check_sealed(r.out);
        assert_null(strstr(r.out, ">nan"));
        assert_null(strstr(r.out, "\"nan"));
        outcome_free(&r);
    }
}

static void large_page(void **state)
{
    (void)state;
    struct make_result o = make_result_default;
    o.images = 4000;
    o.segmentation = true;
    const char *path = made("large.h5", &o), *out = in_folder("large.html");
    struct outcome r = REPORT(path, "--format", "html", "--out", out, "--resamples", "10");
    assert_int_equal(r.code, 0);
    assert_string_equal(r.out, "");
    char *text = read_file(out);
    check_page(text);
    assert_non_null(strstr(text, "image_03999.JPEG"));
    assert_true(strlen(text) < 5000000);
    free(text);
    outcome_free(&r);
    r = REPORT(path, "--format", "html", "--out", "/nowhere/page.html", "--resamples", "10");
    assert_int_equal(r.code, 1);
    assert_non_null(strstr(r.err, "/nowhere/page.html: cannot be written"));
    outcome_free(&r);
}

/* --- pictures -------------------------------------------------------------------------------- */

static void set_text(hid_t f, const char *name, const char *text)
{
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, H5T_VARIABLE);
    H5Adelete(f, name);
    hid_t a = H5Acreate2(f, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Awrite(a, type, &text) >= 0);
    H5Aclose(a);
    H5Sclose(space);
    H5Tclose(type);
}

/* A result file as a run on the demo set would have made it. */
static const char *demo_result(struct dataset **data)
{
    struct make_result o = make_result_default;
    struct error err;
    const char *folder = in_folder("demo");
    char config[512];
    o.images = 10;
    o.skipped = 0;
    o.segmentation = true;
    const char *path = made("pictures.h5", &o);
    const struct dataset_options options = {
        .kind = "demo", .path = folder, .demo_images = 10, .demo_seed = 7, .demo_size = 64
    };
    if (dataset_open(&options, data, &err) != OK)
        fail_msg("%s", err.text);
    snprintf(config, sizeof config,
             "[data]\nkind = demo\npath = %s\nimages = 10\nseed = 7\nsize = 64\n", folder);
    hid_t f = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    hsize_t count = 10;
    hid_t space = H5Screate_simple(1, &count, NULL);
    H5Ldelete(f, "/images/id", H5P_DEFAULT);
    hid_t set = H5Dcreate2(f, "/images/id", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, (*data)->ids) >= 0);
    set_text(f, "config", config);
    set_text(f, "dataset_fingerprint", (*data)->fingerprint);
    H5Dclose(set);
    H5Sclose(space);
    H5Tclose(type);
    H5Fclose(f);
    return path;
}

static void pictures(void **state)
{
    (void)state;
    struct dataset *data;
    const char *path = demo_result(&data);
    struct outcome r = REPORT(path, "--format", "html");
    assert_int_equal(r.code, 0);
    check_page(r.out);
    check_sealed(r.out);
    /* every image and its mask once; four best and four worst in each of two tasks, with four maps
     * each, over the pictures that are there */
    assert_int_equal(count_of(r.out, "<image id=\"p1-"), 10 * 2);
    assert_int_equal(count_of(r.out, "data:image/png;base64,iVBOR"), 10);
    assert_int_equal(count_of(r.out, "data:image/jpeg;base64,/9j/"), 10 + 16 * 4);
    assert_int_equal(count_of(r.out, "<use href=\"#p1-"), 16 * 2);
    assert_int_equal(count_of(r.out, "<use class=\"mask\" href=\"#p1-"), 16);
    assert_int_equal(count_of(r.out, "Precision and recall of the foreground"), 2);
    assert_non_null(strstr(r.out, "at 64 × 64"));
    outcome_free(&r);

    hid_t f = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    set_text(f, "dataset_fingerprint", "0123");
    H5Fclose(f);
    r = REPORT(path, "--format", "html");
    assert_int_equal(r.code, 0);
    assert_non_null(strstr(r.out, "is another data set by now"));
    assert_null(strstr(r.out, "<image id="));
    assert_null(strstr(r.out, "<use "));
    assert_int_equal(count_of(r.out, "data:image/jpeg;base64,/9j/"), 16 * 4); /* heat alone */
    outcome_free(&r);
    dataset_close(data);
}

/* The JSON that the script of run `index` reads. */
static cJSON *browsed(const char *page, int index)
{
    static const char begin[] = "<script type=\"application/json\" class=\"images\">";
    const char *at = strstr(page, begin);
    for (int i = 0; i < index; i++)
        at = strstr(at + 1, begin);
    at += strlen(begin);
    const char *end = strstr(at, "</script>");
    char *text = strndup(at, (size_t)(end - at));
    assert_null(strpbrk(text, "<>&")); /* whatever is in a name */
    cJSON *json = cJSON_Parse(text);
    assert_non_null(json);
    free(text);
    return json;
}

/* Every image with its records, and maps of the size that is said. */
static void check_browsed(const cJSON *json, const struct result *r)
{
    const cJSON *rows = get(json, "rows"), *methods = get(json, "methods");
    int count = cJSON_GetArraySize(methods);
    struct error err;
    assert_int_equal(cJSON_GetArraySize(rows), r->images);
    for (size_t i = 0; i < r->images; i++) {
        const cJSON *row = cJSON_GetArrayItem(rows, (int)i);
        assert_string_equal(cJSON_GetArrayItem(row, 0)->valuestring, r->id[i]);
        assert_int_equal(cJSON_GetArrayItem(row, 1)->valueint, r->label[i]);
        assert_int_equal(cJSON_GetArrayItem(row, 2)->valueint, r->predicted[i]);
        for (int k = 0; k < 2 * count; k++) {
            const char *method =
                get(cJSON_GetArrayItem(methods, k % count), "name")->valuestring;
            struct run run = { .result = r };
            double want = image_measures[k / count].score(&run, method, EXPLAINED_PREDICTED, i);
            const cJSON *score = cJSON_GetArrayItem(row, 5 + k);
            assert_true(r->status[i] ? cJSON_IsNull(score)
                                     : fabs(score->valuedouble - want) <= 5e-4 * fabs(want));
        }
    }
    float *maps;
    assert_int_equal(result_read_maps(r, &r->map[0], &maps, &err), OK);
    int cells = r->map[0].grid * r->map[0].grid;
    const char *base64 = cJSON_GetArrayItem(get(json, "maps"), 0)->valuestring;
    size_t shown = (size_t)cJSON_GetArraySize(get(json, "shown"));
    assert_int_equal(strlen(base64), (shown * (size_t)cells + 2) / 3 * 4);
    free(maps);
}

/* Two runs on one set of pictures carry it once; on other pictures, each its own. */
static void shared_pictures(void **state)
{
    (void)state;
    struct dataset *data;
    struct result *r;
    struct error err;
    const char *path = demo_result(&data);
    struct outcome page = REPORT(path, path, "--format", "html", "--resamples", "20");
    assert_int_equal(page.code, 0);
    check_page(page.out);
    assert_int_equal(count_of(page.out, "<image id=\"p1-"), 10 * 2);
    assert_int_equal(count_of(page.out, "<image id=\"p2-"), 0);
    assert_int_equal(result_open(path, &r, &err), OK);
    for (int i = 0; i < 2; i++) {
        cJSON *json = browsed(page.out, i);
        assert_string_equal(get(json, "set")->valuestring, "p1");
        assert_int_equal(get(json, "run")->valueint, i + 1);
        check_browsed(json, r);
        cJSON_Delete(json);
    }
    result_close(r);
    outcome_free(&page);
    dataset_close(data);
}

/* Of many images some are carried with their maps: the ends of the ranking, and a spread; all rows
 * are. A name may hold anything. */
static void chosen_images(void **state)
{
    (void)state;
    struct make_result o = make_result_default;
    struct result *r;
    struct error err;
    o.images = 1500;
    o.methods = "raw <\"b\\>";
    o.segmentation = true;
    const char *path = made("chosen.h5", &o);
    struct outcome page = REPORT(path, "--format", "html", "--resamples", "10");
    assert_int_equal(page.code, 0);
    cJSON *json = browsed(page.out, 0);
    assert_int_equal(result_open(path, &r, &err), OK);
    check_browsed(json, r);
    const cJSON *shown = get(json, "shown"), *at = NULL;
    assert_int_equal(cJSON_GetArraySize(shown), 400);
    assert_true(cJSON_IsNull(get(json, "set")));
    int before = -1, gap = 0;
    cJSON_ArrayForEach(at, shown)
    {
        gap = at->valueint - before > gap ? at->valueint - before : gap;
        before = at->valueint;
    }
    assert_true(gap <= 8 && before >= 1490); /* 1500 / 400 is 3.75 */
    struct run run = { .result = r };
    struct image_place *ranked = calloc(r->images, sizeof *ranked);
    size_t count = image_rank(&run, &image_measures[0], ranked);
    for (int end = 0; end < 2; end++) {
        bool found = false;
        cJSON_ArrayForEach(at, shown) found |=
            (size_t)at->valueint == ranked[end ? count - 1 : 0].image;
        assert_true(found);
    }
    free(ranked);
    result_close(r);
    cJSON_Delete(json);
    outcome_free(&page);
}

/* Against the ranking of every pixel by itself. */
static void precision_and_recall(void **state)
{
    (void)state;
    enum { SIDE = 64, PIXELS = SIDE * SIDE, IMAGES = 10 };
    struct dataset *data;
    struct result *r;
    struct error err;
    const char *path = demo_result(&data);
    assert_int_equal(result_open(path, &r, &err), OK);
    struct run run = { .result = r, .scored = IMAGES, .segmentations = 1 };
    struct pictures pictures;
    struct recall recall;
    pictures_open(r, &pictures);
    assert_non_null(pictures.data);
    assert_int_equal(recall_build(&run, &pictures, &recall, &err), OK);
    assert_int_equal(recall.curves, 5); /* one for both classes, but of attribution */
    assert_int_equal(recall.images, IMAGES);
    assert_int_equal(recall.side, SIDE);

    float *maps, *heat = calloc((size_t)IMAGES * PIXELS, sizeof *heat);
    uint8_t *positive = calloc((size_t)IMAGES * PIXELS, 1), rgb[3 * PIXELS];
    int8_t labels[PIXELS];
    double area;
    assert_int_equal(result_read_maps(r, &r->map[0], &maps, &err), OK);
    for (size_t i = 0; i < IMAGES; i++) {
        assert_int_equal(pictures_load(&pictures, i, SIDE, rgb, labels, &err), OK);
        assert_int_equal(pictures_heat(maps + i * 14 * 14, 14, SIDE, heat + i * PIXELS, &err), OK);
        for (size_t p = 0; p < PIXELS; p++)
            positive[i * PIXELS + p] = labels[p] == 1;
    }
    assert_int_equal(average_precision(heat, positive, (size_t)IMAGES * PIXELS, &area, &err), OK);
    assert_true(area > 0.01 && fabs(recall.curve[0].area - area) < 0.003); /* 512 levels */
    const struct recall_curve *c = &recall.curve[0];
    for (size_t i = 1; i < c->levels; i++)
        assert_true(c->recall[i] >= c->recall[i - 1]);
    assert_true(c->recall[c->levels - 1] == 1);
    free(maps);
    free(heat);
    free(positive);
    recall_free(&recall);
    pictures_close(&pictures);
    result_close(r);
    dataset_close(data);
}

/* --- ledger ---------------------------------------------------------------------------------- */

static void ledger(void **state)
{
    (void)state;
    /* the base in the middle; the last differs in two keys, so it is in no ledger */
    static const char *const switches[] = { "ties = reverse\nminmax = protocol\n",
                                            "ties = index\nminmax = protocol\n",
                                            "ties = index\nminmax = no\n",
                                            "ties = random\nminmax = no\nrow_norm = no\n" };
    struct result *r[4];
    struct error err;
    char *path[4];
    for (int i = 0; i < 4; i++) {
        char name[32];
        struct make_result o = make_result_default;
        o.images = 80;
        o.seed = 1 + (unsigned)i;
        o.explain = switches[i];
        snprintf(name, sizeof name, "ledger%d.h5", i);
        path[i] = strdup(made(name, &o));
        assert_int_equal(result_open(path[i], &r[i], &err), OK);
    }
    struct run run[4] = {
        { .result = r[0] }, { .result = r[1] }, { .result = r[2] }, { .result = r[3] }
    };
    struct report report = { .run = run, .runs = 4, .bootstrap = { 1, 50, 0.95 } };
    struct ledger l;
    assert_int_equal(ledger_build(&report, &l, &err), OK);
    assert_int_equal(l.base, 1);
    assert_int_equal(l.entries, 2);
    assert_string_equal(l.entry[0].key, "ties = reverse");
    assert_string_equal(l.entry[1].key, "minmax = no");
    struct paired paired;
    assert_int_equal(pair_results(r[1], r[0], &report.bootstrap, &paired, &err), OK);
    const struct paired_row *row =
        ledger_row(&l.entry[0], "raw", EXPLAINED_PREDICTED, "positive AUC");
    assert_non_null(row);
    assert_true(row->value[0] == paired.row[0].value[0] && row->value[1] == paired.row[0].value[1]);
    assert_true(row->difference.low == paired.row[0].difference.low);
    paired_free(&paired);
    ledger_free(&l);

    struct outcome md = REPORT(path[0], path[1], path[2]),
                   html = REPORT(path[0], path[1], path[2], "--format", "html"),
                   none = REPORT(path[1], path[3]);
    assert_non_null(strstr(md.out, "differs in one key of its config from ledger1.h5"));
    assert_non_null(strstr(md.out, "| ties = reverse |"));
    assert_null(strstr(none.out, "ledger:"));
    check_page(html.out);
    check_values(html.out, md.out);
    assert_non_null(strstr(html.out, "What each switch changes"));
    outcome_free(&md);
    outcome_free(&html);
    outcome_free(&none);
    for (int i = 0; i < 4; i++) {
        result_close(r[i]);
        free(path[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(page),
        cmocka_unit_test(odd_pages),
        cmocka_unit_test(large_page),
        cmocka_unit_test(pictures),
        cmocka_unit_test(shared_pictures),
        cmocka_unit_test(chosen_images),
        cmocka_unit_test(precision_and_recall),
        cmocka_unit_test(ledger),
    };
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
