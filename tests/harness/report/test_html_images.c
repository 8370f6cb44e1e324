/* The images of the page: pictures, maps, class names, what the script browses; precision and
 * recall, which need the pictures' masks. */
#include <stdint.h>

#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_page.h"
#include "ilsvrc2012.h"
#include "image_scores.h"
#include "json_rows.h"
#include "precision_recall.h"

#include "report_tests.h"

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

/* Overwrites the made-up counts of a map with those that a run would have had. */
static void put_counts(hid_t f, const struct result_map *map, size_t images,
                       const struct segmentation_score *score)
{
    enum { MOST = 32 };
    static const char *const names[] = { "correct", "labelled", "intersection", "union" };
    int32_t one[2][MOST], two[2][2 * MOST];
    assert_true(images <= MOST);
    for (size_t i = 0; i < images; i++) {
        one[0][i] = score[i].correct;
        one[1][i] = score[i].labelled;
        memcpy(&two[0][2 * i], score[i].intersection, sizeof score[i].intersection);
        memcpy(&two[1][2 * i], score[i].united, sizeof score[i].united);
    }
    const int32_t *const values[] = { one[0], one[1], two[0], two[1] };
    for (int k = 0; k < 4; k++) {
        char at[128];
        snprintf(at, sizeof at, "/segmentation/%s/%s/%s", map->method,
                 explained_names[map->explained], names[k]);
        hid_t set = H5Dopen2(f, at, H5P_DEFAULT);
        assert_true(H5Dwrite(set, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, values[k]) >= 0);
        H5Dclose(set);
    }
}

static void count_anew(const char *path)
{
    enum { SIDE = 64, PIXELS = SIDE * SIDE };
    struct segmentation_score score[32];
    struct pictures pictures;
    struct result *r;
    struct error err;
    uint8_t rgb[3 * PIXELS];
    int8_t labels[PIXELS];
    float heat[PIXELS], *maps;
    assert_int_equal(result_open(path, &r, &err), OK);
    hid_t f = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    pictures_open(r, &pictures);
    assert_non_null(pictures.data);
    for (size_t k = 0; k < r->maps; k++) {
        size_t cells = (size_t)r->map[k].grid * (size_t)r->map[k].grid;
        assert_int_equal(result_read_maps(r, &r->map[k], &maps, &err), OK);
        for (size_t i = 0; i < r->images; i++) {
            assert_int_equal(pictures_load(&pictures, i, SIDE, rgb, labels, &err), OK);
            assert_int_equal(pictures_heat(maps + i * cells, r->map[k].grid, SIDE, heat, &err), OK);
            assert_int_equal(segmentation_score(heat, labels, PIXELS, &score[i], &err), OK);
        }
        put_counts(f, &r->map[k], r->images, score);
        free(maps);
    }
    pictures_close(&pictures);
    H5Fclose(f);
    result_close(r);
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
    count_anew(path);
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
            const char *method = get(cJSON_GetArrayItem(methods, k % count), "name")->valuestring;
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

/* Two runs on the same pictures share one copy of them; runs on different pictures carry one each.
 * */
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

/* Controls, whatever their name, have no part in which images are best and worst. */
static void controls_do_not_rank_images(void **state)
{
    (void)state;
    struct make_result o = make_result_default;
    struct result *r;
    struct error err;
    o.methods = "raw randomised noise";
    o.controls = "randomised, noise";
    if (result_open(made("controls.h5", &o), &r, &err) != OK)
        fail_msg("%s", err.text);
    const struct run run = { .result = r };
    const struct image_measure *m = &image_measures[0];
    struct image_place *ranked = calloc(r->images, sizeof *ranked);
    size_t count = image_rank(&run, m, ranked), others = 0;
    assert_true(count > 0);
    for (size_t i = 0; i < count; i++) {
        double raw = m->score(&run, "raw", EXPLAINED_PREDICTED, ranked[i].image);
        assert_true(ranked[i].score == raw);
        others += m->score(&run, "randomised", EXPLAINED_PREDICTED, ranked[i].image) != raw;
    }
    assert_true(others > 0); /* else the control could not show */
    free(ranked);
    result_close(r);
}

static void set_number(hid_t f, const char *name, int32_t value)
{
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t a = H5Acreate2(f, name, H5T_NATIVE_INT32, space, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(a >= 0 && H5Awrite(a, H5T_NATIVE_INT32, &value) >= 0);
    H5Aclose(a);
    H5Sclose(space);
}

/* A page of a model with so many classes, whose checkpoint lies in `folder`; 0: not said. What the
 * first image's class is called on it. */
static void first_class(const char *folder, int classes, char name[64], int *label)
{
    struct make_result o = make_result_default;
    char config[512];
    o.images = 20;
    o.skipped = 0;
    const char *path = made("names.h5", &o);
    snprintf(config, sizeof config, "[model]\ncheckpoint = %s/x.pth\n[data]\nkind = imagenet\n",
             folder);
    hid_t f = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    set_text(f, "config", config);
    if (classes > 0)
        set_number(f, "classes", classes);
    H5Fclose(f);
    struct outcome page = REPORT(path, "--format", "html", "--resamples", "10");
    assert_int_equal(page.code, 0);
    check_page(page.out);
    cJSON *json = browsed(page.out, 0);
    char key[16];
    *label = cJSON_GetArrayItem(cJSON_GetArrayItem(get(json, "rows"), 0), 1)->valueint;
    snprintf(key, sizeof key, "%d", *label);
    const cJSON *found = cJSON_GetObjectItem(get(json, "classes"), key);
    snprintf(name, 64, "%s", found ? found->valuestring : "");
    cJSON_Delete(json);
    outcome_free(&page);
}

/* By name where classes.txt lies beside the checkpoint, or where the model has ImageNet's thousand;
 * never where that is not known. */
static void class_names(void **state)
{
    (void)state;
    char name[64], want[64];
    int label;
    first_class(in_folder(""), 0, name, &label);
    assert_string_equal(name, "");
    first_class(in_folder(""), 999, name, &label);
    assert_string_equal(name, "");
    first_class(in_folder(""), 1000, name, &label);
    const char *line = ilsvrc2012_classes;
    for (int k = 0; k < label; k++)
        line = strchr(line, '\n') + 1;
    assert_int_equal(strncmp(line + 10, name, strlen(name)), 0);
    assert_true(strlen(name) > 2);

    FILE *f = fopen(in_folder("classes.txt"), "w");
    for (int k = 0; k < 1000; k++)
        fprintf(f, "thing <%d>\n", k);
    fclose(f);
    first_class(in_folder(""), 1000, name, &label);
    snprintf(want, sizeof want, "thing <%d>", label);
    assert_string_equal(name, want);
    remove(in_folder("classes.txt"));
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

int main(void)
{
    return RUN_TESTS(make_folder, remove_folder, TEST(pictures), TEST(shared_pictures),
                     TEST(chosen_images), TEST(controls_do_not_rank_images), TEST(class_names),
                     TEST(precision_and_recall));
}
