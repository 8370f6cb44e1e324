/* evalh rescore FILE...: every convention of the perturbation score from the stored records,
 * without a model: accuracy or probability curves, trapezoid or mean, the unmasked point in or out
 * (SPEC 7). */
#include "command.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "format.h"
#include "log.h"

struct options {
    bool csv, help;
    const char **file; /* [files] the caller's argv */
    int files;
};

static const struct argp_option option_table[] = {
    { "format", 'f', "md|csv", 0, "on standard output (default: md)", 0 },
    CLI_HELP_OPTION,
    { 0 },
};

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct options *o = state->input;

    switch (key) {
    case 'f':
        o->csv = strcmp(value, "csv") == 0;
        if (o->csv || strcmp(value, "md") == 0)
            return 0;
        argp_error(state, "--format %s: md or csv is expected", value);
        return EINVAL;
    case CLI_HELP:
        o->help = true;
        return 0;
    case ARGP_KEY_ARG:
        o->file[o->files++] = value;
        return 0;
    case ARGP_KEY_END:
        if (o->files > 0 || o->help)
            return 0;
        argp_error(state, "a result file (.h5) is expected");
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* --- scores ---------------------------------------------------------------------------------- */

enum { ACCURACY, PROBABILITY, CURVES };
static const char *const curve_names[CURVES] = { "accuracy", "probability" };

/* score [CURVES][AUC_CONVENTIONS], percent; NaN without a scored, labelled image. */
static void rescore(const struct result *r, const struct result_curve *c, const uint8_t *use,
                    double score[CURVES][AUC_CONVENTIONS])
{
    double curve[CURVES][CURVE_POINTS];
    accuracy_curve(c->hit, use, r->images, curve[ACCURACY]);
    probability_curve(c->prob, use, r->images, curve[PROBABILITY]);
    for (int k = 0; k < CURVES; k++)
        for (int a = 0; a < AUC_CONVENTIONS; a++)
            score[k][a] = curve_auc(curve[k], (enum auc_convention)a);
}

static void header(struct grid *g, bool csv)
{
    if (csv)
        grid_cell(g, "file");
    grid_cell(g, "method");
    grid_cell(g, "class");
    grid_cell(g, "direction");
    grid_cell(g, "curve");
    for (int a = 0; a < AUC_CONVENTIONS; a++)
        grid_cell(g, "%s", auc_names[a]);
}

static void score_cell(struct grid *g, double score, bool csv)
{
    if (isnan(score))
        grid_cell(g, "%s", csv ? "" : "–");
    else
        grid_cell(g, csv ? "%.10g" : "%.2f", score);
}

static void rows(struct grid *g, const struct result *r, const uint8_t *use, bool csv)
{
    double score[CURVES][AUC_CONVENTIONS];
    for (size_t i = 0; i < r->curves; i++) {
        const struct result_curve *c = &r->curve[i];
        rescore(r, c, use, score);
        for (int k = 0; k < CURVES; k++) {
            if (csv)
                grid_cell(g, "%s", r->path);
            grid_cell(g, "%s", c->method);
            grid_cell(g, "%s", explained_names[c->explained]);
            grid_cell(g, "%s", removal_names[c->removal]);
            grid_cell(g, "%s", curve_names[k]);
            for (int a = 0; a < AUC_CONVENTIONS; a++)
                score_cell(g, score[k][a], csv);
        }
    }
}

static enum status print_result(const struct result *r, bool csv, bool first, struct error *err)
{
    struct grid g;
    size_t images = 0;
    uint8_t *use = malloc(r->images ? r->images : 1);
    if (!use)
        return fail(err, E_NOMEM, "%s: no memory to score it", r->path);
    for (size_t i = 0; i < r->images; i++)
        images += use[i] = r->status[i] == 0 && r->label[i] >= 0;
    grid_begin(&g, csv ? "lllllrrrr" : "llllrrrr");
    if (!csv || first)
        header(&g, csv);
    rows(&g, r, use, csv);
    if (!csv)
        printf("\n%s: %s on %s, n = %zu\n\n", r->path, r->attribute[ATTR_ARCH],
               r->attribute[ATTR_DATASET], images);
    if (!g.failed)
        (csv ? grid_csv : grid_markdown)(&g, stdout);
    bool failed = g.failed;
    grid_end(&g);
    free(use);
    return failed ? fail(err, E_NOMEM, "%s: no memory to score it", r->path) : OK;
}

static enum status rescore_files(const struct options *o, bool *begun, struct error *err)
{
    for (int i = 0; i < o->files; i++) {
        struct result *r;
        TRY(result_open(o->file[i], &r, err));
        enum status status =
            r->curves ? print_result(r, o->csv, i == 0, err)
                      : fail(err, E_DATA, "%s: it has no /perturbation to score", r->path);
        *begun = *begun || status == OK;
        result_close(r);
        TRY(status);
    }
    if (!o->csv)
        printf("\nPercent. trapezoid: over 0 ... 90 %% removed, the published convention (at most "
               "90); "
               "trapezoid_from_10: the\nunmasked point left out (at most 80); mean_nine: mean of "
               "10 ... "
               "90 %%; mean_ten: mean of 0 ... 90 %% (at most 100).\n");
    return OK;
}

static const struct argp argp = { option_table,
                                  parse_option,
                                  "FILE...",
                                  "Every convention of the perturbation score from the records "
                                  "of evalh run, without a model.",
                                  NULL,
                                  NULL,
                                  NULL };

static int main_rescore(int argc, char **argv)
{
    struct options o = { .file = calloc((size_t)argc + 1, sizeof *o.file) };
    struct error err;
    bool begun = false;
    int code;

    if (!o.file) {
        log_error("evalh rescore: no memory");
        return EXIT_FAILED;
    }
    if (cli_parse(&argp, argc, argv, &o, &o.help, &code)) {
        code = EXIT_DONE;
        if (rescore_files(&o, &begun, &err) != OK) {
            log_error("%s", err.text);
            code = begun ? EXIT_FAILED : EXIT_USAGE;
        }
    }
    free(o.file);
    return code;
}

const struct command command_rescore = { "rescore", "other conventions of the scores, from records",
                                         main_rescore, &argp };
