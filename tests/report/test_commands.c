/* evalh rescore and evalh info. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "make_result.h"
#include "result.h"
#include "run_command.h"

#include <cmocka.h> /* last: its fail() macro hides status.h's function */

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
    const char *path = in_folder("rescore.h5");
    assert_int_equal(make_result_file(path, &o), 0);
    struct result *r;
    assert_int_equal(result_open(path, &r, NULL), OK);
    struct outcome csv = RUN(&command_rescore, path, "--format", "csv");
    assert_int_equal(csv.code, 0);

    char *rest = NULL, *line = strtok_r(csv.out, "\n", &rest);
    assert_string_equal(line, "file,method,class,direction,curve,trapezoid,trapezoid_from_10,"
                              "mean_nine,mean_ten");
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
    struct outcome md = RUN(&command_rescore, path);
    assert_int_equal(md.code, 0);
    assert_non_null(strstr(md.out, "n = 197"));
    outcome_free(&md);
}

static void rescore_refuses(void **state)
{
    (void)state;
    struct make_result o = make_result_default;
    const char *path = in_folder("scores.h5");
    o.perturbation = false;
    o.segmentation = true;
    assert_int_equal(make_result_file(path, &o), 0);
    const char *const cases[][4] = {
        { path, NULL }, { "/nowhere.h5", NULL }, { path, "--format", "xml", NULL }, { NULL }
    };
    static const char *const says[] = { "no /perturbation to score", "/nowhere.h5: No such file",
                                        "md or csv", "a result file (.h5) is expected" };
    for (int i = 0; i < 4; i++) {
        struct outcome r = run_command(&command_rescore, cases[i]);
        assert_int_equal(r.code, 2);
        if (!strstr(r.err, says[i]))
            fail_msg("case %d: expected '%s', got '%s'", i, says[i], r.err);
        outcome_free(&r);
    }
}

static void info_result(void **state)
{
    (void)state;
    struct make_result o = make_result_default;
    const char *path = in_folder("info.h5"), *text = in_folder("text.txt");
    assert_int_equal(make_result_file(path, &o), 0);
    struct outcome r = RUN(&command_info, path);
    assert_int_equal(r.code, 0);
    static const char *const says[] = { "result file of evalh, schema 1",
                                        "200, of which 197 scored",
                                        "raw, target (one for both): 14 by 14 patches",
                                        "attribution, target, negative",
                                        "    protocol = released" };
    for (size_t i = 0; i < sizeof says / sizeof *says; i++)
        if (!strstr(r.out, says[i]))
            fail_msg("expected '%s' in '%s'", says[i], r.out);
    outcome_free(&r);

    FILE *f = fopen(text, "w");
    fputs("nothing of ours\n", f);
    fclose(f);
    const char *const cases[] = { text, "/nowhere" };
    for (int i = 0; i < 2; i++) {
        r = RUN(&command_info, cases[i]);
        assert_int_equal(r.code, 2);
        assert_non_null(strstr(r.err, cases[i]));
        outcome_free(&r);
    }
}

/* The golden checkpoints, through whichever of the three formats. */
static void info_checkpoints(void **state)
{
    (void)state;
    const char *shared[] = { getenv("EVALH_SHARED"), SOURCE_ROOT "/../shared", "/work/shared" };
    static const struct {
        const char *file, *says;
    } cases[] = {
        { "vim_odd.safetensors", "26 tokens, CLS at 12" },
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
        snprintf(path, sizeof path, "%s/golden/%s", shared[at], cases[i].file);
        struct outcome r = RUN(&command_info, path);
        assert_int_equal(r.code, 0);
        if (!strstr(r.out, cases[i].says))
            fail_msg("expected '%s' in '%s'", cases[i].says, r.out);
        outcome_free(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rescore_values),
        cmocka_unit_test(rescore_refuses),
        cmocka_unit_test(info_result),
        cmocka_unit_test(info_checkpoints),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
