/* evalh report: its formats hold whatever names and numbers there are, and other programs read
 * them.
 */
#include <stdint.h>

#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json_rows.h"

#include "report_tests.h"

/* What a fragment for \input must not have. */
static const char *const of_documents[] = { "\\documentclass", "\\usepackage", "{document}",
                                            "\\section" };

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
    assert_null(strstr(md.out, "Published")); /* no such column, no such note */
    assert_non_null(strstr(md.out, "Top-1: "));
    assert_non_null(strstr(latex.out, "\\begin{tabular}"));
    for (size_t i = 0; i < sizeof of_documents / sizeof *of_documents; i++)
        assert_null(strstr(latex.out, of_documents[i]));
    assert_non_null(strstr(latex.out, "we\\_ird\\%\\$\\&\\textbar{}\\textless{}x\\textgreater{}"));
    /* every line of the CSV has the header's 21 fields; no field of this file needs quotes */
    for (char *line = strtok(csv.out, "\n"); line; line = strtok(NULL, "\n")) {
        int commas = 0;
        for (const char *c = line; *c; c++)
            commas += *c == ',';
        assert_int_equal(commas, 20);
    }
    outcome_free(&md);
    outcome_free(&csv);
    outcome_free(&latex);
}

/* No spreadsheet computes a name; a number stays one. */
static void names_are_no_formulas(void **state)
{
    (void)state;
    struct make_result o = make_result_default;
    o.images = 30;
    o.methods = "=1+1 +x -1+1 @SUM(A1) -5 a=b";
    const char *path = made("formulas.h5", &o);
    EXPECT(REPORT(path, "--format", "csv"), 0, ",perturbation,'=1+1,", ",perturbation,'+x,",
           ",perturbation,'-1+1,", ",perturbation,'@SUM(A1),", ",perturbation,-5,",
           ",perturbation,a=b,");
    const char *csv[] = { path, "--format", "csv", NULL };
    EXPECT(run_command(&command_rescore, csv), 0, ",'=1+1,", ",-5,");
}

/* Every method stands in a table of scores, however many there are, and once. */
static void many_methods(void **state)
{
    (void)state;
    char methods[400] = "random center", name[16];
    struct make_result o = make_result_default;
    o.images = 12;
    o.segmentation = true;
    o.perturbation = false;
    for (int m = 0; m < 30; m++)
        snprintf(methods + strlen(methods), sizeof methods - strlen(methods), " k%02d", m);
    o.methods = methods;
    const char *path = made("many.h5", &o);
    for (int latex = 0; latex < 2; latex++) {
        struct outcome r =
            REPORT(path, "--scores", "--resamples", "20", "--format", latex ? "latex" : "md");
        assert_int_equal(r.code, 0);
        assert_non_null(strstr(r.out, "Methods by metrics (columns 1 to 16 of 32)"));
        assert_non_null(strstr(r.out, "Methods by metrics (columns 17 to 32 of 32)"));
        char *tables = strstr(r.out, "Methods by metrics");
        static const char *const next[] = { "Mean rank over", "Segmentation, percent" };
        for (int k = 0; k < 2; k++) { /* only these tables */
            char *after = strstr(tables, next[k]);
            if (after)
                *after = '\0';
        }
        for (int m = 0; m < 31; m++) {
            snprintf(name, sizeof name, m < 30 ? " k%02d " : " center ", m);
            const char *at = strstr(tables, name);
            assert_non_null(at);
            assert_null(strstr(at + 1, name));
        }
        outcome_free(&r);
    }
    for (int m = 30; m < 63; m++)
        snprintf(methods + strlen(methods), sizeof methods - strlen(methods), " k%02d", m);
    EXPECT(REPORT(made("many.h5", &o), "--scores", "--resamples", "20"), 1, "/explain/random",
           "at most 64");
}

/* Values that are not defined are counted, whether methods are ranked or not. */
static void undefined_counted(void **state)
{
    (void)state;
    static const char *const methods[] = { "raw", "raw rollout random" };
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        struct make_result o = make_result_default;
        o.methods = methods[i]; /* the maps that are 0 everywhere have no entropy */
        const char *path = made("undefined.h5", &o);
        struct outcome json = REPORT(path, "--scores", "--resamples", "20", "--format", "json");
        cJSON *parsed = cJSON_Parse(json.out);
        const cJSON *run = cJSON_GetArrayItem(get(parsed, "runs"), 0), *metric;
        double count = 0;
        cJSON_ArrayForEach(metric, get(get(run, "scores"), "metrics")) count +=
            number(metric, "undefined");
        assert_true(count > 0);
        char caption[80], note[80];
        snprintf(caption, sizeof caption, "Holm). %.0f undefined values left out", count);
        snprintf(note, sizeof note, "left out of the means: %.0f over all", count);
        EXPECT(REPORT(path, "--scores", "--resamples", "20"), 0, caption, note);
        EXPECT(REPORT(path, "--scores", "--resamples", "20", "--format", "html"), 0, caption, note);
        EXPECT(REPORT(path, "--scores", "--resamples", "20", "--format", "latex"), 0, caption);
        cJSON_Delete(parsed);
        outcome_free(&json);
    }
}

/* Captions and notes say the axis, the fill and the order of ties that the run had. */
static void as_it_was_run(void **state)
{
    (void)state;
    enum { POINTS = 10 };
    struct make_result o = make_result_default;
    made("usual.h5", &o);
    o.explain = "ties = reverse";
    o.compute = "[task]\nfill = blur"; /* the last one counts */
    hid_t file = H5Fopen(made("other.h5", &o), H5F_ACC_RDWR, H5P_DEFAULT);
    float removed[POINTS];
    for (int k = 0; k < POINTS; k++)
        removed[k] = (float)(k / 9.0);
    hid_t space = H5Screate_simple(1, (hsize_t[]){ POINTS }, NULL);
    hid_t set = H5Dcreate2(file, "/removed", H5T_NATIVE_FLOAT, space, H5P_DEFAULT, H5P_DEFAULT,
                           H5P_DEFAULT);
    assert_true(H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, removed) >= 0);
    H5Dclose(set);
    H5Sclose(space);
    H5Fclose(file);
    EXPECT(REPORT(in_folder("usual.h5"), "--resamples", "10"), 0,
           "over 0 … 90 % removed in 9 steps (at most 90), fill black, ",
           "are removed in the order of their index; ");
    EXPECT(REPORT(in_folder("other.h5"), "--resamples", "10"), 0,
           "over 0 … 100 % removed in 9 steps (at most 100), fill blur, ",
           "are removed from the highest index down; ");
    static const char usual[] = "trapezoid: over 0 ... 90 % removed, the published convention (at "
                                "most 90); trapezoid_from_10: the\nunmasked point left out (at "
                                "most 80); mean_nine: mean of 10 ... 90 %; ",
                      other[] = "trapezoid: over 0 ... 100 % removed, not the published axis of 9 "
                                "steps to 90 % (at most 100); trapezoid_from_10: the\nunmasked "
                                "point left out (at most 88.89); mean_nine: mean of 11.11 ... 100 "
                                "%; ";
    /* once for all files of an axis */
    const char *files[] = { in_folder("usual.h5"), in_folder("usual.h5"), in_folder("other.h5"),
                            NULL };
    struct outcome r = run_command(&command_rescore, files);
    const char *first = strstr(r.out, usual);
    assert_non_null(first);
    assert_non_null(strstr(first, other));
    assert_null(strstr(first + 1, usual));
    outcome_free(&r);
}

/* Where no image was scored, the tables have dashes in place of numbers. */
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

static void put_text(const char *name, const char *text)
{
    FILE *f = fopen(in_folder(name), "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0 && fclose(f) == 0);
}

/* pdflatex takes what evalh writes, whatever is in a name: as a document, and with \input. */
static void latex_compiles(void **state)
{
    (void)state;
    if (system("kpsewhich booktabs.sty >/dev/null 2>&1 && pdflatex --version >/dev/null 2>&1") !=
        0) {
        print_message("SKIPPED: compiling LaTeX: no pdflatex with booktabs "
                      "(Debian: texlive-latex-recommended)\n");
        skip();
    }
    struct make_result o = make_result_default;
    o.images = 30;
    o.methods = "raw rollout attribution we_ird%$&#{}~^\\|<x>";
    o.segmentation = o.shortcuts = true;
    const char *first = made("a_b%.h5", &o);
    o.explain = "ties = reverse\n"; /* a ledger too */
    const char *second = made("c#d.h5", &o);
    const char *const layouts[] = { "--resamples=10", "--paper" };
    for (int i = 0; i < 4; i++) {
        char command[512];
        bool whole = i < 2;
        struct outcome r = REPORT(first, second, "--format", "latex", "--out",
                                  in_folder(whole ? "t.tex" : "u.tex"), layouts[i % 2],
                                  whole ? "--standalone" : NULL);
        assert_int_equal(r.code, 0);
        if (!whole)
            put_text("t.tex", "\\documentclass{article}\n\\usepackage[utf8]{inputenc}\n"
                              "\\usepackage{textcomp,booktabs,graphicx,longtable}\n"
                              "\\begin{document}\n\\input{u}\n\\end{document}\n");
        outcome_free(&r);
        snprintf(command, sizeof command,
                 "cd %s && pdflatex -interaction=nonstopmode -halt-on-error t.tex >t.out 2>&1 && "
                 "head -c 5 t.pdf | grep -q %%PDF",
                 in_folder(""));
        if (system(command) != 0)
            fail_msg("%s", read_file(in_folder("t.out")));
    }
}

/* The files are opened by the programs that people use for them, where those are installed. */
static void pictures_open_in_viewers(const char *svg, const char *pdf)
{
    static const struct {
        const char *name, *package, *command;
    } viewers[] = { { "rsvg-convert", "librsvg2-bin", "rsvg-convert" },
                    { "pdftoppm", "poppler-utils", "pdftoppm -r 30 -png -singlefile" } };
    const char *files[] = { svg, pdf };
    for (int i = 0; i < 2; i++) {
        char command[512];
        snprintf(command, sizeof command, "command -v %s >/dev/null", viewers[i].name);
        if (system(command) != 0) {
            print_message("SKIPPED: opening %s: no %s (Debian: %s)\n", files[i], viewers[i].name,
                          viewers[i].package);
            continue;
        }
        snprintf(command, sizeof command, "%s \"%s\" >/dev/null", viewers[i].command, files[i]);
        assert_int_equal(system(command), 0);
    }
}

/* The CSV beside a figure: the numbers of the JSON. */
static void plain_numbers(const char *path)
{
    struct outcome r = REPORT(path, "--format", "json");
    cJSON *top = cJSON_Parse(r.out);
    const cJSON *run = cJSON_GetArrayItem(get(top, "runs"), 0);
    const cJSON *row =
        find_row(get(get(run, "segmentation"), "rows"), "it's_odd", "predicted", "all");
    char *csv = read_file(in_folder("plots/deep/plot's-segmentation-predicted.csv"));
    const char *line = strstr(csv, "\nit's_odd,miou,");
    double value, low, high;
    assert_int_equal(strncmp(csv, "method,figure,percent,low,high,published\n", 41), 0);
    assert_non_null(line);
    assert_int_equal(sscanf(line, "\nit's_odd,miou,%lf,%lf,%lf,", &value, &low, &high), 3);
    assert_true(fabs(value - number(get(row, "miou"), "value")) < 1e-7);
    assert_true(fabs(low - number(get(row, "miou"), "low")) < 1e-7);
    assert_true(fabs(high - number(get(row, "miou"), "high")) < 1e-7);
    free(csv);
    csv = read_file(in_folder("plots/deep/plot's-perturbation-predicted.csv"));
    size_t lines = 0;
    for (const char *p = csv; (p = strchr(p, '\n')); p++)
        lines++;
    assert_int_equal(lines, 1 + 3 * 2 * 10); /* methods, directions, points */
    free(csv);
    cJSON_Delete(top);
    outcome_free(&r);
}

static void plots(void **state)
{
    (void)state;
    if (system("gnuplot --version >/dev/null 2>&1") != 0) {
        print_message("SKIPPED: plots: no gnuplot (Debian: gnuplot-nox)\n");
        skip();
    }
    static const char *const files[] = {
        "plots/deep/plot's-perturbation-predicted.png", "plots/deep/plot's-perturbation-target.pdf",
        "plots/deep/plot's-segmentation-predicted.svg", "plots/deep/plot's-segmentation-target.png",
        "plots/deep/plot's-shortcut-predicted.png",
    };
    struct make_result o = make_result_default;
    o.images = 40;
    o.methods = "raw attribution it's_odd";
    o.segmentation = o.shortcuts = true;
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
    plain_numbers(path);
    pictures_open_in_viewers(in_folder("plots/deep/plot's-segmentation-predicted.svg"),
                             in_folder("plots/deep/plot's-perturbation-target.pdf"));
    /* `out` is a file */
    EXPECT(REPORT(in_folder("plot's.h5"), "--plots", in_folder("out/x")), 1,
           "a folder that can be written is expected");
}

/* What a switch changes is the same in CSV and JSON as in the difference of the two runs' own rows.
 */
static void ledger_as_data(void **state)
{
    (void)state;
    struct make_result o = make_result_default;
    o.images = 40;
    o.methods = "raw attribution";
    const char *base = made("base.h5", &o);
    o.explain = "ties = reverse\n";
    o.seed = 2;
    const char *other = made("other.h5", &o);
    struct outcome csv = REPORT(base, other, "--format", "csv", "--resamples", "20"),
                   json = REPORT(base, other, "--format", "json", "--resamples", "20");
    /* other images' names would be no ledger: make_result numbers them */
    cJSON *top = cJSON_Parse(json.out);
    const cJSON *ledger = get(top, "ledger"),
                *entry = cJSON_GetArrayItem(get(ledger, "entries"), 0);
    assert_string_equal(get(entry, "switch")->valuestring, "ties = reverse");
    assert_string_equal(get(ledger, "base")->valuestring, base);
    assert_string_equal(get(entry, "file")->valuestring, other);
    const cJSON *row = cJSON_GetArrayItem(get(entry, "rows"), 0);
    assert_string_equal(get(row, "figure")->valuestring, "positive AUC");
    const cJSON *runs = get(top, "runs");
    double value[2];
    for (int i = 0; i < 2; i++)
        value[i] =
            number(get(get(find_row(get(get(cJSON_GetArrayItem(runs, i), "perturbation"), "rows"),
                                    get(row, "method")->valuestring, get(row, "class")->valuestring,
                                    "all"),
                           "positive"),
                       "auc"),
                   "value");
    assert_true(fabs(number(row, "base") - value[0]) < 1e-9);
    assert_true(fabs(number(row, "switched") - value[1]) < 1e-9);
    assert_true(fabs(number(row, "difference") - (value[1] - value[0])) < 1e-9);
    assert_true(number(row, "low") <= number(row, "high"));
    char line[512];
    snprintf(line, sizeof line, "%s,vim_tiny,demo,released,ledger,raw,predicted,all,auc,positive,,",
             other);
    const char *at = strstr(csv.out, line);
    assert_non_null(at);
    double difference;
    assert_int_equal(sscanf(at + strlen(line), "%*d,%lf,", &difference), 1);
    assert_true(fabs(difference - number(row, "difference")) < 1e-6);
    assert_non_null(strstr(at, ",ties = reverse,"));
    cJSON_Delete(top);
    outcome_free(&csv);
    outcome_free(&json);
    EXPECT(REPORT(base, "--format", "json", "--resamples", "20"), 0, "\"ledger\":\tnull");
}

int main(void)
{
    return RUN_TESTS(make_folder, remove_folder, TEST(text_formats), TEST(nothing_scored),
                     TEST(names_are_no_formulas), TEST(many_methods), TEST(undefined_counted),
                     TEST(as_it_was_run), TEST(latex_compiles), TEST(plots), TEST(ledger_as_data));
}
