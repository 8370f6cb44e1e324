/* evalh report FILE...: tables and plots from result files. */
#include "command.h"

#include <errno.h>
#include <stdlib.h>

#include "cli.h"
#include "format.h"
#include "log.h"
#include "plots.h"

struct options {
    const struct format *format;
    const char *plots, *published;
    bool paper;
    struct bootstrap_options bootstrap;
    bool help;
    const char **file; /* [files] the caller's argv */
    int files;
};

enum {
    KEY_FORMAT = 'f',
    KEY_PLOTS = 'p',
    KEY_SEED = 0x100,
    KEY_RESAMPLES,
    KEY_PAPER,
    KEY_PUBLISHED
};

static const struct argp_option option_table[] = {
    { "format", KEY_FORMAT, "FORMAT", 0, "md (default), csv, latex or json, on standard output",
      0 },
    { "paper", KEY_PAPER, NULL, 0, "the paper's Tables 1, 2, 5 and 6 from all files (md, latex)",
      0 },
    { "plots", KEY_PLOTS, "DIR", 0, "draw the figures into DIR: PNG, PDF and SVG, with gnuplot",
      0 },
    { "published", KEY_PUBLISHED, "DIR", 0, "where the published figures are read from", 0 },
    { "resamples", KEY_RESAMPLES, "N", 0, "of the bootstrap, 10 ... 100000 (default 1000)", 0 },
    { "seed", KEY_SEED, "N", 0, "of the bootstrap (default 1)", 0 },
    CLI_HELP_OPTION,
    { 0 },
};

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct options *o = state->input;
    long number = 0;
    error_t bad = 0;

    switch (key) {
    case KEY_FORMAT:
        o->format = format_find(value);
        if (!o->format) {
            argp_error(state, "--format %s: md, csv, latex or json is expected", value);
            return EINVAL;
        }
        return 0;
    case KEY_PAPER:
        o->paper = true;
        return 0;
    case KEY_PLOTS:
        o->plots = value;
        return 0;
    case KEY_PUBLISHED:
        o->published = value;
        return 0;
    case KEY_RESAMPLES:
        bad = cli_whole(state, "resamples", value, 10, 100000, &number);
        o->bootstrap.resamples = (int)number;
        return bad;
    case KEY_SEED:
        bad = cli_whole(state, "seed", value, 0, INT32_MAX, &number);
        o->bootstrap.seed = (uint64_t)number;
        return bad;
    case CLI_HELP:
        o->help = true;
        return 0;
    case ARGP_KEY_ARG:
        o->file[o->files++] = value;
        return 0;
    case ARGP_KEY_END:
        if (o->paper && o->format != &format_md && o->format != &format_latex) {
            argp_error(state,
                       "--paper is a layout of md and latex; csv and json hold the same figures "
                       "without it");
            return EINVAL;
        }
        if (o->files == 0 && !o->help) {
            argp_error(state, "a result file (.h5) is expected");
            return EINVAL;
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static enum status write_report(const struct options *o, const struct result *const *results,
                                const struct published *published, struct error *err)
{
    struct report report;
    TRY(report_build(results, (size_t)o->files, published, &o->bootstrap, &report, err));
    report.paper = o->paper;
    enum status status = o->format->write(&report, stdout, err);
    if (status == OK && o->plots)
        status = plots_write(&report, o->plots, err);
    report_free(&report);
    return status;
}

/* *begun: everything was read, and output starts. */
static enum status report_files(const struct options *o, bool *begun, struct error *err)
{
    struct published published;
    struct result **results = calloc((size_t)o->files, sizeof *results);
    if (!results)
        return fail(err, E_NOMEM, "no memory for %d results", o->files);
    enum status status =
        published_load(o->published ? o->published : published_directory(), &published, err);
    for (int i = 0; status == OK && i < o->files; i++)
        status = result_open(o->file[i], &results[i], err);
    *begun = status == OK;
    if (status == OK)
        status = write_report(o, (const struct result *const *)results, &published, err);
    for (int i = 0; i < o->files; i++)
        result_close(results[i]);
    published_free(&published);
    free(results);
    return status;
}

static const struct argp argp = { option_table,
                                  parse_option,
                                  "FILE...",
                                  "Tables and plots from result files of evalh run, with "
                                  "bootstrap intervals and the published "
                                  "figures beside ours.",
                                  NULL,
                                  NULL,
                                  NULL };

static int main_report(int argc, char **argv)
{
    struct options o = { .format = formats[0], .bootstrap = bootstrap_default };
    struct error err;
    bool begun = false;

    o.file = calloc((size_t)argc + 1, sizeof *o.file);
    if (!o.file) {
        log_error("evalh report: no memory");
        return EXIT_FAILED;
    }
    int code;
    if (cli_parse(&argp, argc, argv, &o, &o.help, &code)) {
        code = EXIT_DONE;
        if (report_files(&o, &begun, &err) != OK) {
            log_error("%s", err.text);
            code = begun ? EXIT_FAILED : EXIT_USAGE;
        }
    }
    free(o.file);
    return code;
}

const struct command command_report = { "report", "tables and plots from result files",
                                        main_report, &argp };
