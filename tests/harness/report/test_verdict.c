/* Which method came first: against the tables' own figures, and the same resamples drawn for two
 * methods at once. */
#include <stdint.h>

#include <hdf5.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "verdict.h"

#include "report_tests.h"

enum { IMAGES = 120, SKIPPED = 4 };
static const struct bootstrap_options options = { .seed = 5, .resamples = 200, .level = 0.95 };
static const struct published nothing_published;

struct made {
    struct result *result;
    struct report report;
    struct verdicts verdicts;
};

static void make(struct made *m, const char *name, const struct make_result *o)
{
    struct error err;
    assert_int_equal(make_result_file(in_folder(name), o), 0);
    assert_int_equal(result_open(in_folder(name), &m->result, &err), OK);
    const struct result *one[] = { m->result };
    assert_int_equal(report_build(one, 1, &nothing_published, &options, &m->report, &err), OK);
    assert_int_equal(verdicts_build(&m->report.run[0], &options, &m->verdicts, &err), OK);
}

static void unmake(struct made *m)
{
    verdicts_free(&m->verdicts);
    report_free(&m->report);
    result_close(m->result);
}

static struct make_result settings(const char *methods)
{
    struct make_result o = make_result_default;
    o.images = IMAGES;
    o.skipped = SKIPPED;
    o.methods = methods;
    o.segmentation = o.shortcuts = true;
    return o;
}

/* The figure of a method in the report's tables. */
static double table_figure(const struct run *run, const struct verdict *v, const char *method)
{
    for (size_t i = 0; i < run->perturbations; i++) {
        const struct perturbation_row *row = &run->perturbation[i];
        if (row->stratum != STRATUM_ALL || row->explained != v->explained ||
            strcmp(row->method, method) != 0)
            continue;
        if (strcmp(v->figure, "positive AUC") == 0)
            return row->direction[REMOVE_HOTTEST].auc.value;
        if (strcmp(v->figure, "negative AUC") == 0)
            return row->direction[REMOVE_COLDEST].auc.value;
    }
    static const char *const names[] = { "pixel accuracy", "mAP", "mIoU" };
    for (size_t i = 0; i < run->segmentations; i++) {
        const struct segmentation_row *row = &run->segmentation[i];
        if (row->stratum != STRATUM_ALL || row->explained != v->explained ||
            strcmp(row->method, method) != 0)
            continue;
        for (int k = 0; k < SEGMENTATION_METRICS; k++)
            if (strcmp(v->figure, names[k]) == 0)
                return row->figure[k].value;
        return row->shortcut.value;
    }
    return NAN;
}

/* First, next and best control are what the tables say; all figures are there. */
static void as_the_tables(void **state)
{
    (void)state;
    static const char *const methods[] = { "raw", "rollout", "attribution", "random", "center" };
    struct make_result o = settings("raw rollout attribution random center");
    struct made m;
    make(&m, "verdict.h5", &o);
    assert_int_equal(m.verdicts.count, 6);
    for (size_t i = 0; i < m.verdicts.count; i++) {
        const struct verdict *v = &m.verdicts.of[i];
        const struct run *run = &m.report.run[0];
        double sign = v->lower_better ? -1 : 1;
        assert_int_equal(v->methods, 3);
        assert_true(v->lower_better == (strcmp(v->figure, "positive AUC") == 0));
        assert_true(fabs(v->value - table_figure(run, v, v->first)) < 1e-9);
        assert_true(fabs(v->lead - sign * (v->value - table_figure(run, v, v->second))) < 1e-9);
        assert_true(fabs(v->over_control - sign * (v->value - table_figure(run, v, v->control))) <
                    1e-9);
        for (size_t k = 0; k < sizeof methods / sizeof *methods; k++) {
            double behind = sign * (v->value - table_figure(run, v, methods[k]));
            bool control = k >= 3;
            assert_true(control ? behind >= v->over_control - 1e-9 : behind >= -1e-9);
            assert_true(control || strcmp(methods[k], v->first) == 0 || behind >= v->lead - 1e-9);
        }
        assert_true(v->ci.low <= v->value && v->value <= v->ci.high);
        assert_true(v->lead_ci.low <= v->lead && v->lead <= v->lead_ci.high);
        assert_true(v->stays > 0 && v->stays <= 1);
        /* the interval reaches 0 where the order falls in more than one resample of 40 */
        assert_true(verdict_settled(v) ? v->stays > 0.95 : v->stays < 1);
    }
    unmake(&m);
}

static void lead_of_two(const double *sums, size_t n, double *figures)
{
    figures[0] = sums[1] / (double)n - sums[0] / (double)n;
    figures[1] = figures[0] >= 0;
}

/* Both methods' records side by side in one row, resampled together. */
static void paired_as_one(void **state)
{
    (void)state;
    struct make_result o = settings("raw rollout random");
    struct made m;
    make(&m, "paired.h5", &o);
    const struct verdict *v = &m.verdicts.of[0];
    const struct result_curve *c[2] = {
        result_find_curve(m.result, v->first, v->explained, REMOVE_HOTTEST),
        result_find_curve(m.result, v->second, v->explained, REMOVE_HOTTEST)
    };
    enum { COLUMNS = 2 };
    double rows[IMAGES * COLUMNS], *draws = calloc((size_t)options.resamples * 2, sizeof *draws);
    const struct interval range[2] = { { -90, 90 }, { 0, 1 } };
    struct interval ci[2];
    struct error err;
    size_t used = 0;
    for (size_t i = SKIPPED; i < IMAGES; i++, used++)
        for (size_t k = 0; k < COLUMNS; k++)
            rows[used * COLUMNS + k] = hits_auc(&curve_axis_published, c[k]->hit + i * 10);
    assert_int_equal(v->images, used);
    assert_int_equal(
        bootstrap_intervals(rows, used, COLUMNS, lead_of_two, 2, range, &options, ci, &err), OK);
    assert_true(fabs(v->lead_ci.low - ci[0].low) < 1e-9);
    assert_true(fabs(v->lead_ci.high - ci[0].high) < 1e-9);
    assert_int_equal(bootstrap_draws(rows, used, COLUMNS, lead_of_two, 2, &options, draws, &err),
                     OK);
    double stays = 0;
    for (int b = 0; b < options.resamples; b++)
        stays += draws[2 * b + 1];
    assert_true(fabs(v->stays - stays / options.resamples) < 1e-12);
    free(draws);
    unmake(&m);
}

/* Controls alone have no winner, and one method alone has no second; where nothing was scored there
 * is no verdict. */
static void nothing_to_compare(void **state)
{
    (void)state;
    struct make_result o = settings("random center");
    struct made m;
    make(&m, "controls.h5", &o);
    assert_int_equal(m.verdicts.count, 0);
    unmake(&m);

    o.methods = "raw";
    make(&m, "one.h5", &o);
    assert_int_equal(m.verdicts.count, 6);
    assert_null(m.verdicts.of[0].second);
    assert_null(m.verdicts.of[0].control);
    assert_true(isnan(m.verdicts.of[0].lead) && isnan(m.verdicts.of[0].lead_ci.low));
    assert_false(verdict_settled(&m.verdicts.of[0]));
    unmake(&m);

    o.methods = "raw rollout";
    o.skipped = IMAGES;
    make(&m, "none.h5", &o);
    assert_int_equal(m.verdicts.count, 0);
    unmake(&m);
}

/* The report begins with the verdict, in words and in numbers. */
static void said_first(void **state)
{
    (void)state;
    struct make_result o = settings("raw rollout attribution random");
    assert_int_equal(make_result_file(in_folder("said.h5"), &o), 0);
    struct outcome md = REPORT(in_folder("said.h5"), "--resamples", "200", "--seed", "5");
    assert_int_equal(md.code, 0);
    const char *head = strstr(md.out, "## In short"), *run = strstr(md.out, "## said.h5");
    assert_true(head && run && head < run);
    static const char *const says[] = { "- On: vim_tiny on demo, 116 images, ",
                                        " answered right",
                                        "- First: ",
                                        "- Controls: ",
                                        "Which method comes first",
                                        "of 200 resamples" };
    for (size_t i = 0; i < sizeof says / sizeof *says; i++) {
        const char *at = strstr(head, says[i]);
        assert_true(at && at < run);
    }
    outcome_free(&md);
    o.methods = "random center";
    assert_int_equal(make_result_file(in_folder("said.h5"), &o), 0);
    md = REPORT(in_folder("said.h5"), "--resamples", "20");
    assert_null(strstr(md.out, "In short"));
    outcome_free(&md);
}

int main(void)
{
    return RUN_TESTS(make_folder, remove_folder, TEST(as_the_tables), TEST(paired_as_one),
                     TEST(nothing_to_compare), TEST(said_first));
}
