/* The page of evalh report is whole and well-formed and needs no network; and the ledger on it. */
#include <stdint.h>

#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_page.h"
#include "ledger.h"

#include "report_tests.h"

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
    assert_int_equal(count_of(html.out, "<caption>"), 9);
    const char *ranks = strstr(html.out, "<figure class=\"plot ranks\">");
    assert_true(ranks && ranks < strstr(html.out, "In short"));
    assert_true(count_of(ranks, "<td class=\"rank") >= 4 * 4); /* of the methods */
    assert_int_equal(count_of(html.out, "class=\"series\""), 2 * 2 * 5);
    assert_null(strstr(html.out, ">nan"));
    assert_null(strstr(html.out, "\"nan"));
    outcome_free(&html);
    outcome_free(&md);
}

/* A page can be made where nothing was scored or labelled, of one image, and of two files of one
 * name. */
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
    const char *path = made("large.h5", &o), *out = in_folder("new/folders/large.html");
    struct outcome r = REPORT(path, "--format", "html", "--out", out, "--resamples", "10");
    assert_int_equal(r.code, 0);
    assert_string_equal(r.out, "");
    char *text = read_file(out);
    check_page(text);
    assert_non_null(strstr(text, "image_03999.JPEG"));
    assert_true(strlen(text) < 5000000);
    free(text);
    outcome_free(&r);
    EXPECT(REPORT(path, "--format", "html", "--out", in_folder("large.h5/page.html"), "--resamples",
                  "10"),
           1, "large.h5: Not a directory: a folder that can be written is expected");
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
    assert_int_equal(pair_results(r[1], r[0], &report.bootstrap, false, &paired, &err), OK);
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

/* A switch under which the records are exactly those of the base touches nothing, and has no rows.
 * */
static void untouched(void **state)
{
    (void)state;
    static const char *const switches[] = { "ties = index\n", "ties = reverse\n",
                                            "ties = random\n" };
    static const unsigned seeds[] = { 2, 1, 2 };
    char *path[3];
    for (int i = 0; i < 3; i++) {
        char name[32];
        struct make_result o = make_result_default;
        o.images = 80;
        o.seed = seeds[i];
        o.explain = switches[i];
        snprintf(name, sizeof name, "touched%d.h5", i);
        path[i] = strdup(made(name, &o));
    }
    struct outcome md = REPORT(path[0], path[1], path[2]),
                   csv = REPORT(path[0], path[1], path[2], "--format", "csv", "--resamples", "10");
    assert_int_equal(md.code, 0);
    assert_non_null(strstr(md.out, "Nothing here is touched by: ties = random."));
    assert_non_null(strstr(md.out, "| ties = reverse |"));
    assert_null(strstr(md.out, "| ties = random |"));
    assert_null(strstr(md.out, "+0.00"));
    assert_null(strstr(csv.out, ",ties = random,"));
    outcome_free(&md);
    outcome_free(&csv);
    for (int i = 0; i < 3; i++)
        free(path[i]);
}

int main(void)
{
    return RUN_TESTS(make_folder, remove_folder, TEST(page), TEST(odd_pages), TEST(large_page),
                     TEST(ledger), TEST(untouched));
}
