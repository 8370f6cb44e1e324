/* evalh report FILE...: tables and plots from result files. */
#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "gnuplot.h"
#include "ledger.h"
#include "models.h"
#include "outputs.h"
#include "plots.h"
#include "score_table.h"
#include "unfinished.h"

struct options {
    const struct format *format;
    const char *plots, *published, *out; /* out NULL: standard output */
    bool paper, scores, standalone;
    struct bootstrap_options bootstrap;
    struct cli_list in;
};

enum {
    KEY_FORMAT = 'f',
    KEY_OUT = 'o',
    KEY_PLOTS = 'p',
    KEY_PAPER = 0x100,
    KEY_PUBLISHED,
    KEY_SCORES,
    KEY_STANDALONE
};

static const struct argp_option option_table[] = {
    { "format", KEY_FORMAT, "md|csv|latex|json|html", 0, "on standard output (default: md)", 0 },
    { "paper", KEY_PAPER, NULL, 0,
      "the paper's Tables 1, 2, 5 and 6 from all files (md, latex, html)", 0 },
    { "standalone", KEY_STANDALONE, NULL, 0,
      "latex: a document that compiles, in place of tables for \\input", 0 },
    { "scores", KEY_SCORES, NULL, 0,
      "every score of a run, methods by metrics, with ranks and how far the metrics agree (html: "
      "always, up to 5,000 images)",
      0 },
    { "out", KEY_OUT, "FILE", 0, "write there instead of to standard output", 0 },
    { "plots", KEY_PLOTS, "DIR", 0, "draw the figures into DIR: PNG, PDF and SVG, with gnuplot",
      0 },
    { "published", KEY_PUBLISHED, "DIR", 0, "where the published figures are read from", 0 },
    CLI_BOOTSTRAP_OPTIONS,
    CLI_HELP_OPTION,
};

#define AT(field) offsetof(struct options, field)
static const struct cli_place places[] = {
    { CLI_FLAG, KEY_PAPER, AT(paper), 0, 0, NULL },
    { CLI_FLAG, KEY_STANDALONE, AT(standalone), 0, 0, NULL },
    { CLI_FLAG, KEY_SCORES, AT(scores), 0, 0, NULL },
    { CLI_TEXT, KEY_OUT, AT(out), 0, 0, NULL },
    { CLI_TEXT, KEY_PLOTS, AT(plots), 0, 0, NULL },
    { CLI_TEXT, KEY_PUBLISHED, AT(published), 0, 0, NULL },
    CLI_BOOTSTRAP_PLACES(AT(bootstrap)),
    CLI_FILE_ARGUMENTS(AT(in), "a result file (.h5) is expected"),
    { 0 },
};

static error_t take_format(struct options *o, const char *name, struct argp_state *state)
{
    o->format = format_find(name);
    if (o->format != NULL)
        return 0;
    argp_error(state, "--format %s: md, csv, latex, json or html is expected", name);
    return EINVAL;
}

/* Options that do not go together. */
static error_t check_options(const struct options *o, struct argp_state *state)
{
    if (o->paper && (o->format == &format_csv || o->format == &format_json))
        argp_error(state,
                   "--paper is a layout of md, latex and html; csv and json hold the same figures "
                   "without it");
    else if (o->standalone && o->format != &format_latex)
        argp_error(state, "--standalone is for --format latex");
    else
        return 0;
    return EINVAL;
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct options *o = cli_options(state);
    if (key == KEY_FORMAT)
        return take_format(o, value, state);
    if (key == ARGP_KEY_END && check_options(o, state) != 0)
        return EINVAL;
    return cli_option(key, value, state);
}

static const struct argp argp = CLI_ARGP(
    option_table, parse_option, "FILE...",
    "Tables and plots from result files of evalh run, with bootstrap intervals and the published "
    "figures beside ours. A run that is not done is shown as far as its shards go.");

static const struct options defaults = { .format = &format_md, .bootstrap = BOOTSTRAP_DEFAULT };

/* Writes a file that is complete or, after a failure, absent; makes its folder where it is missing.
 */
static enum status write_file(const struct options *o, const struct report *report,
                              struct error *err)
{
    TRY(make_directory_of(o->out, err));
    FILE *f = fopen(o->out, "w");
    if (!f)
        return fail(err, E_IO, "%s: cannot be written: %s", o->out, strerror(errno));
    enum status status = o->format->write(report, f, err);
    if (fclose(f) != 0 && status == OK)
        status = fail(err, E_IO, "%s: cannot be written: %s", o->out, strerror(errno));
    if (status != OK)
        remove(o->out);
    return status;
}

/* Builds a score table for each run, into out [runs]. */
static enum status build_scores(const struct report *report, struct score_table *out,
                                struct error *err)
{
    for (size_t i = 0; i < report->runs; i++)
        TRY(score_table_build(report->run[i].result, &report->bootstrap, &out[i], err));
    return OK;
}

/* The page begins with them, unless they would take minutes. */
static bool wants_scores(const struct options *o, const struct report *report)
{
    enum { FEW = 5000 };
    size_t images = 0;
    for (size_t i = 0; i < report->runs; i++)
        images += report->run[i].result->images;
    return o->scores || (o->format == &format_html && !o->paper && images <= FEW);
}

/* Tables over all runs; each is empty where it is not wanted. */
struct beside {
    struct ledger ledger;
    struct models models;
    struct score_table *scores; /* [runs] */
};

static enum status build_beside(const struct options *o, struct report *report,
                                struct beside *beside, struct error *err)
{
    TRY(ledger_build(report, &beside->ledger, err));
    report->ledger = &beside->ledger;
    TRY(models_build(report, &beside->ledger, &beside->models, err));
    report->models = &beside->models;
    if (!wants_scores(o, report))
        return OK;
    beside->scores = calloc(report->runs + 1, sizeof *beside->scores);
    if (!beside->scores)
        return fail(err, E_NOMEM, "no memory for the scores");
    report->scores = beside->scores;
    return build_scores(report, beside->scores, err);
}

static enum status write_report(const struct options *o, const struct result *const *results,
                                const struct published *published, struct error *err)
{
    struct report report;
    struct beside beside = { .scores = NULL };
    TRY(report_build(results, o->in.count, published, &o->bootstrap, &report, err));
    report.paper = o->paper;
    report.standalone = o->standalone;
    enum status status = build_beside(o, &report, &beside, err);
    if (status == OK)
        status = o->out ? write_file(o, &report, err) : o->format->write(&report, stdout, err);
    if (status == OK && o->plots)
        status = plots_write(&report, o->plots, err);
    ledger_free(&beside.ledger);
    models_free(&beside.models);
    for (size_t i = 0; beside.scores && i < report.runs; i++)
        score_table_free(&beside.scores[i]);
    free(beside.scores);
    report_free(&report);
    return status;
}

/* *begun: all input was read and output has started. */
static enum status report_files(void *options, bool *begun, struct error *err)
{
    const struct options *o = options;
    struct published published;
    char path[PUBLISHED_PATH];
    const struct outputs_inputs inputs = { o->in.text, o->in.count };
    if (o->out)
        TRY(outputs_check("--out", o->out, &inputs, err));
    struct result **results = calloc(o->in.count, sizeof *results);
    if (!results)
        return fail(err, E_NOMEM, "no memory for %zu results", o->in.count);
    enum status status =
        published_load(o->published ? o->published : published_directory(path), &published, err);
    for (size_t i = 0; status == OK && i < o->in.count; i++)
        status = unfinished_open(o->in.text[i], &results[i], err);
    *begun = status == OK;
    if (status == OK)
        status = write_report(o, (const struct result *const *)results, &published, err);
    for (size_t i = 0; i < o->in.count; i++)
        unfinished_close(results[i]);
    published_free(&published);
    free(results);
    return status;
}

static int run_report(void *options)
{
    return cli_run(report_files, options);
}

const struct command command_report = { "report", "tables and plots from result files", &argp,
                                        CLI_OPTIONS(places, defaults), run_report };
