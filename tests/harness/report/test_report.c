/* evalh report: tables say what the records say; published figures appear only where they may. */
#include <stdint.h>

#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_rows.h"
#include "report.h"

#include "report_tests.h"

/* --- values ---------------------------------------------------------------------------------- */

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

/* There are tables of the images answered correctly and wrongly where there are both; otherwise
 * they would repeat the table of all images. */
static void strata_tables(void **state)
{
    (void)state;
    static const double shares[] = { 0, 0.5, 1 };
    for (int i = 0; i < 3; i++) {
        struct make_result o = make_result_default;
        o.segmentation = true;
        o.top1 = shares[i];
        const char *path = in_folder("strata.h5");
        assert_int_equal(make_result_file(path, &o), 0);
        struct outcome r = REPORT(path, "--resamples", "10");
        assert_int_equal(r.code, 0);
        for (int k = 0; k < 3; k++) {
            static const char *const titles[] = { "The same by the model's answer",
                                                  "images answered correctly",
                                                  "images answered wrongly" };
            assert_true((strstr(r.out, titles[k]) != NULL) == (shares[i] == 0.5));
        }
        outcome_free(&r);
    }
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
    *same = cJSON_IsTrue(get(auc, "same_conditions"));
    assert_true(isnan(number(auc, "difference")) == !*same);
    /* never for the other class */
    auc = get(get(find_row(get(task, "rows"), "raw", "target", "all"), "positive"), "auc");
    assert_true(isnan(number(auc, "published")));
    cJSON_Delete(json);
    outcome_free(&r);
    return published;
}

static const char deit_small_sha256[] =
    "cd65a1550123456789abcdef0123456789abcdef0123456789abcdef01234567"; /* its published digits */

/* Vim-S on the whole of ImageNet validation, as published. */
static struct make_result published_run(void)
{
    struct make_result o = make_result_default;
    o.methods = "raw";
    o.arch = "vim_small";
    o.dataset = "imagenet";
    o.checkpoint = "vim_s_midclstok_80p5acc.pth";
    o.top1 = 0.78;
    o.skipped = 0;
    o.images = 50000;
    o.validation = true;
    return o;
}

static void published_figures(void **state)
{
    (void)state;
    char why[1024];
    bool same;
    struct make_result o = published_run();
    assert_true(published_raw(&o, why, sizeof why, &same) == 17.27 && same);
    assert_string_equal(why, "");

    o.images = 100;
    o.protocol = "paper";
    o.explain = "start_layer = 3\n";
    assert_true(published_raw(&o, why, sizeof why, &same) == 17.27 && !same);
    assert_non_null(strstr(why, "100 of 50000 images"));
    assert_non_null(strstr(why, "protocol = paper"));
    assert_non_null(strstr(why, "explain.start_layer = 3"));

    o.dataset = "demo";
    assert_true(isnan(published_raw(&o, why, sizeof why, &same)));
    assert_non_null(strstr(why, "the data set is demo, not ImageNet validation"));
}

/* Weights are known by their hash, or by the file's name where none was published; a geometry makes
 * no model. */
static void published_weights_are_known(void **state)
{
    (void)state;
    char why[1024];
    bool same;
    struct make_result o = published_run();
    o.images = 100;
    o.checkpoint = "mine.pth";
    assert_true(isnan(published_raw(&o, why, sizeof why, &same)) && !same);
    assert_non_null(strstr(why, "none of the published ones"));
    o.arch = "deit_small"; /* as runs of earlier versions call every ViT of that width */
    assert_true(isnan(published_raw(&o, why, sizeof why, &same)) && !same);
    o.arch = "vit";
    o.sha256 = deit_small_sha256;
    assert_true(published_raw(&o, why, sizeof why, &same) == 20.69);
    o.checkpoint = "vim_t_midclstok_76p1acc.pth";
    o.sha256 = make_result_default.sha256;
    assert_true(isnan(published_raw(&o, why, sizeof why, &same)));
    assert_non_null(strstr(why, "nothing was published for vim_tiny"));

    o = published_run();
    o.top1 = 0.45;
    assert_true(isnan(published_raw(&o, why, sizeof why, &same)));
    assert_non_null(strstr(why, "other weights, or labels in another order"));
}

/* Each key that shapes results has its published value or is named; it may also be set to what the
 * protocol sets. */
static void published_keys(void **state)
{
    (void)state;
    static const struct {
        const char *explain, *compute, *named; /* NULL: nothing differs */
    } cases[] = {
        { "clamp_map = no\n", NULL, "explain.clamp_map = no" },
        { "clamp_map = yes\n", NULL, NULL },
        { "own_decay = no\n", NULL, NULL },
        { "own_decay = yes\n", NULL, "explain.own_decay = yes" },
        { "start_layer = 15\n", NULL, NULL },
        { "start_layer = 14\n", NULL, "explain.start_layer = 14" },
        { "precision = fp32\n", NULL, NULL },
        { "ties = reverse\n", NULL, "explain.ties = reverse" },
        { "randomise_layers = 2\n", NULL, NULL }, /* of a control */
        { "", "precision = bf16", "compute.precision = bf16" },
        { "", "precision = tf32", "compute.precision = tf32" },
        { "", "threads = 7", NULL },
        { "unheard_of = 1\n", NULL, "explain.unheard_of = 1" },
    };
    char why[1024];
    bool same;
    struct make_result o = published_run();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        o.explain = cases[i].explain;
        o.compute = cases[i].compute;
        assert_true(published_raw(&o, why, sizeof why, &same) == 17.27);
        if (cases[i].named == NULL)
            assert_string_equal(why, "");
        else
            assert_string_equal(why, cases[i].named);
        assert_true(same == (cases[i].named == NULL));
    }
    o.explain = "";
    o.compute = NULL;
    o.validation = false; /* fifty thousand images, but which? */
    o.dataset = "imagenet_list";
    assert_true(published_raw(&o, why, sizeof why, &same) == 17.27 && !same);
    assert_non_null(strstr(why, "the images are not named ILSVRC2012_val_"));
}

/* The file says which methods are controls; files from before that did, by their names. */
static void controls_are_read_from_the_file(void **state)
{
    (void)state;
    static const struct {
        const char *controls, *first, *last;
    } cases[] = { { NULL, "apple", "random" },
                  { "apple", "random", "apple" },
                  { "", "apple", "random" },
                  { "random, apple", "apple", "random" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct make_result o = make_result_default;
        struct result *r;
        o.images = 10;
        o.methods = "apple random";
        o.controls = cases[i].controls;
        assert_int_equal(result_open(made("controls.h5", &o), &r, NULL), OK);
        assert_string_equal(r->map[0].method, cases[i].first);
        assert_string_equal(r->map[r->maps - 1].method, cases[i].last);
        assert_true(result_is_control(r, "app") == false);
        result_close(r);
    }
}

/* A footnote stands under a table with published figures alone, and a demo run in no paper's table.
 */
static void published_footnotes(void **state)
{
    (void)state;
    struct make_result o = make_result_default;
    o.images = 50;
    struct outcome r = REPORT(made("demo_note.h5", &o), "--resamples", "10");
    assert_null(strstr(r.out, "Published"));
    outcome_free(&r);
    r = REPORT(made("demo_paper.h5", &o), "--paper", "--resamples", "10");
    assert_null(strstr(r.out, "demo_paper.h5, n"));
    outcome_free(&r);
    o = published_run();
    o.images = 100;
    r = REPORT(made("paper.h5", &o), "--paper", "--resamples", "10");
    assert_non_null(strstr(r.out, "vim_small, paper.h5, n = 100"));
    outcome_free(&r);
    o.checkpoint = "mine.pth";
    r = REPORT(made("unknown.h5", &o), "--paper", "--resamples", "10");
    assert_non_null(strstr(r.out, "weights unknown, unknown.h5, n = 100"));
    outcome_free(&r);
}

/* An ablation is compared with the published ablation, and with nothing else. */
static void published_ablation(void **state)
{
    (void)state;
    struct make_result o = make_result_default;
    o.methods = "raw rollout";
    o.arch = "vim_small";
    o.dataset = "imagenet_seg";
    o.checkpoint = "vim_s_midclstok_80p5acc.pth";
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

int main(void)
{
    return RUN_TESTS(make_folder, remove_folder, TEST(perturbation_values),
                     TEST(segmentation_values), TEST(strata_tables), TEST(published_figures),
                     TEST(published_weights_are_known), TEST(published_keys),
                     TEST(published_footnotes), TEST(controls_are_read_from_the_file),
                     TEST(published_ablation));
}
