/* evalh rescore and evalh info. */
#include <stdint.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pixels.h"
#include "result.h"
#include "thresholds.h"

#include "report_tests.h"

#define RUN(command, ...) run_command(command, (const char *const[]){ __VA_ARGS__, NULL })

/* What the four conventions make of a curve, each written out. */
static void conventions(const double *y, double out[4])
{
    double area = 0, late = 0, nine = 0;
    for (int k = 0; k < 9; k++)
        area += 5 * (y[k] + y[k + 1]);
    for (int k = 1; k < 9; k++)
        late += 5 * (y[k] + y[k + 1]);
    for (int k = 1; k < 10; k++)
        nine += y[k];
    out[0] = area;
    out[1] = late;
    out[2] = 100 * nine / 9;
    out[3] = 100 * (nine + y[0]) / 10;
}

static void rescore_values(void **state)
{
    (void)state;
    struct make_result o = make_result_default;
    const char *path = made("rescore.h5", &o);
    struct result *r;
    assert_int_equal(result_open(path, &r, NULL), OK);
    struct outcome csv = RUN(&command_rescore, path, "--format", "csv");
    assert_int_equal(csv.code, 0);

    char *rest = NULL, *line = strtok_r(csv.out, "\n", &rest);
    assert_string_equal(line, "file,method,class,direction,curve,trapezoid,trapezoid_from_10,"
                              "mean_nine,mean_ten,doubt");
    size_t lines = 0;
    while ((line = strtok_r(NULL, "\n", &rest))) {
        char method[32], explained[16], direction[16], curve[16];
        double got[4], want[4], y[10] = { 0 };
        assert_int_equal(sscanf(line + strlen(path) + 1,
                                "%31[^,],%15[^,],%15[^,],%15[^,],%lf,%lf,%lf,%lf", method,
                                explained, direction, curve, &got[0], &got[1], &got[2], &got[3]),
                         8);
        const struct result_curve *c = result_find_curve(
            r, method, explained[0] == 't' ? EXPLAINED_TARGET : EXPLAINED_PREDICTED,
            direction[0] == 'n' ? REMOVE_COLDEST : REMOVE_HOTTEST);
        assert_non_null(c);
        for (size_t i = 3; i < 200; i++) /* the first three are skipped */
            for (size_t k = 0; k < 10; k++)
                y[k] +=
                    (curve[0] == 'a' ? (double)c->hit[10 * i + k] : (double)c->prob[10 * i + k]) /
                    197;
        conventions(y, want);
        for (int a = 0; a < 4; a++)
            assert_true(fabs(got[a] - want[a]) < 1e-6);
        lines++;
    }
    assert_int_equal(lines, 4 * 2 * 2 * 2);
    result_close(r);
    outcome_free(&csv);
    EXPECT(RUN(&command_rescore, path), 0, "n = 197");
}

/* Without the data set the published threshold alone, from the records, and a word on why. */
static void rescore_segmentation(void **state)
{
    (void)state;
    struct make_result o = make_result_default;
    o.perturbation = false;
    o.segmentation = true;
    o.methods = "raw attribution";
    const char *path = made("masks.h5", &o);
    struct result *r;
    struct segmentation_totals want;
    assert_int_equal(result_open(path, &r, NULL), OK);
    const struct result_segmentation *s =
        result_find_segmentation(r, "attribution", EXPLAINED_PREDICTED);
    segmentation_totals(s->score + o.skipped, NULL, r->images - (size_t)o.skipped, &want);
    struct outcome csv = RUN(&command_rescore, path, "--format", "csv");
    assert_int_equal(csv.code, 0);
    assert_non_null(strstr(csv.err, "only the published threshold"));
    const char *line = strstr(csv.out, "attribution,predicted,mean,");
    double accuracy, miou;
    assert_non_null(line);
    assert_int_equal(sscanf(line, "attribution,predicted,mean,%lf,%lf", &accuracy, &miou), 2);
    assert_true(fabs(accuracy - want.pixel_accuracy) < 1e-6 && fabs(miou - want.miou) < 1e-6);
    assert_null(strstr(csv.out, "otsu"));
    result_close(r);
    outcome_free(&csv);
}

/* The side of the images is what the file says; where void pixels hide it, it is not guessed. */
static void side_of_the_images(void **state)
{
    (void)state;
    const struct {
        int image_size, void_pixels, side; /* 0: refused */
    } cases[] = { { 64, 0, 64 }, { 64, 700, 64 }, { 0, 0, 64 }, { 0, 700, 0 }, { 5000, 0, 64 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct make_result o = make_result_default;
        struct result *r;
        struct pixels p;
        struct error err;
        o.segmentation = true;
        o.image_size = cases[i].image_size;
        o.void_pixels = cases[i].void_pixels;
        assert_int_equal(result_open(made("side.h5", &o), &r, NULL), OK);
        enum status status = pixels_open(r, &p, &err);
        assert_int_equal(status, cases[i].side > 0 ? OK : E_DATA);
        if (status == OK) {
            assert_int_equal(p.side, cases[i].side);
            pixels_close(&p);
        } else {
            assert_non_null(strstr(err.text, "image_size"));
        }
        result_close(r);
    }
}

/* Nothing labelled in any mask: no score, and no interval of [0, 0] either. */
static void nothing_labelled(void **state)
{
    (void)state;
    struct make_result o = make_result_default;
    o.perturbation = false;
    o.segmentation = true;
    o.void_pixels = 64 * 64;
    o.methods = "raw";
    struct outcome r = REPORT(made("void.h5", &o), "--resamples", "20");
    assert_int_equal(r.code, 0);
    assert_null(strstr(r.out, "[0.00, 0.00]"));
    assert_null(strstr(r.out, "nan"));
    outcome_free(&r);
}

/* CSV has a line for either class, of segmentation as of perturbation. */
static void rescore_names_classes(void **state)
{
    (void)state;
    struct make_result o = make_result_default;
    o.segmentation = true;
    o.perturbation = false; /* a CSV is of one kind */
    o.methods = "raw";
    struct outcome r = RUN(&command_rescore, made("classes.h5", &o), "--format", "csv");
    assert_null(strstr(r.out, "both"));
    EXPECT(r, 0, "raw,predicted,mean,", "raw,target,mean,");
}

/* Five pixels, one of them left out. */
static void thresholds_by_hand(void **state)
{
    (void)state;
    const float heat[] = { 0.1f, 0.2f, 0.85f, 1, 0.9f };
    const int8_t labels[] = { 0, 1, 0, 1, -1 };
    static struct threshold_counts c[THRESHOLDS];
    for (int image = 0; image < 2; image++) /* the same twice: counts add up */
        assert_int_equal(thresholds_add(c, heat, labels, 5, NULL), OK);
    /* the median of all five pixels is 0.85: only 1 lies above it, rightly */
    const struct threshold_counts *median = &c[THRESHOLD_MEDIAN];
    assert_int_equal(median->labelled, 8);
    assert_int_equal(median->correct, 6);
    assert_true(fabs(counts_accuracy(median) - 75) < 1e-12);
    assert_true(fabs(counts_miou(median) - 50 * (2.0 / 3 + 1.0 / 2)) < 1e-12);
    /* Otsu parts { 0.1, 0.2 } from { 0.85, 0.9, 1 }, wherever between: one hit of each, two misses
     */
    assert_int_equal(c[THRESHOLD_OTSU].correct, 4);
    assert_true(fabs(counts_miou(&c[THRESHOLD_OTSU]) - 50 * (1.0 / 3 + 1.0 / 3)) < 1e-12);
    /* 0.15: all but the first; 0.99: the last alone; strictly above, so 0.85 is not above 0.85 */
    assert_int_equal(c[THRESHOLD_LEVELS + 14].correct, 6);
    assert_int_equal(c[THRESHOLD_LEVELS + 98].correct, 6);
    assert_int_equal(c[THRESHOLD_LEVELS + 83].correct, 4);
    assert_int_equal(c[THRESHOLD_LEVELS + 85].correct, 6);
    char name[16];
    threshold_name(THRESHOLD_LEVELS + 14, name, sizeof name);
    assert_string_equal(name, "0.15");
    assert_true(isnan(counts_miou(&c[THRESHOLD_MEAN])));
}

static void rescore_refuses(void **state)
{
    (void)state;
    struct make_result o = make_result_default;
    o.perturbation = false;
    o.segmentation = true;
    const char *path = made("scores.h5", &o);
    const struct refused_call calls[] = {
        { { path, "--task", "perturbation" }, "no /perturbation to score" },
        { { "/nowhere.h5" }, "/nowhere.h5: No such file" },
        { { path, "--format", "xml" }, "one of md, csv is expected" },
        { { path, "--task", "both" },
          "one of perturbation, segmentation, localisation is expected" },
        { { NULL }, "a result file (.h5) is expected" },
    };
    expect_refused(&command_rescore, calls, sizeof calls / sizeof *calls);
}

/* What argp's advice names is there. */
static void usage_is_there(void **state)
{
    (void)state;
    EXPECT(RUN(&command_rescore, "--usage"), 0, "[--task=");
}

static void info_result(void **state)
{
    (void)state;
    struct make_result o = make_result_default;
    const char *path = made("info.h5", &o), *text = in_folder("text.txt");
    EXPECT(RUN(&command_info, path), 0, "result file of evalh, schema 1",
           "200, of which 197 scored", "raw, target (one for both): 14 by 14 patches",
           "attribution, target, negative", "    protocol = released");
    FILE *f = fopen(text, "w");
    fputs("nothing of ours\n", f);
    fclose(f);
    EXPECT(RUN(&command_info, text), 2, text);
    EXPECT(RUN(&command_info, "/nowhere"), 2, "/nowhere");
}

/* The golden checkpoints, through whichever of the three formats. */
static void info_checkpoints(void **state)
{
    (void)state;
    const char *shared[] = { getenv("EVALH_SHARED"), SOURCE_ROOT "/../shared", "/work/shared" };
    static const struct given cases[] = {
        { "vim_odd.safetensors", "26 tokens (CLS at 12)" },
        { "vit_odd.pth", "pth (stream)" },
        { "vim_micro.pth", "pth (zip)" },
        { "mini_gtsegs.mat", "6, with masks" },
    };
    char path[4096];
    size_t at = 0;
    for (; at < 3; at++) {
        snprintf(path, sizeof path, "%s/golden/vim_odd.safetensors", shared[at] ? shared[at] : "");
        if (shared[at] && access(path, R_OK) == 0)
            break;
    }
    if (at == 3) {
        print_message("SKIPPED: no ../shared/golden (EVALH_SHARED names another place)\n");
        skip();
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(path, sizeof path, "%s/golden/%s", shared[at], cases[i].text);
        EXPECT(RUN(&command_info, path), 0, cases[i].says);
    }
}

int main(void)
{
    return RUN_TESTS(make_folder, remove_folder, TEST(side_of_the_images), TEST(nothing_labelled),
                     TEST(rescore_names_classes), TEST(rescore_values), TEST(rescore_segmentation),
                     TEST(thresholds_by_hand), TEST(usage_is_there), TEST(rescore_refuses),
                     TEST(info_result), TEST(info_checkpoints));
}
