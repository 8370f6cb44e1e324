/* evalh report FILE...: tables and plots from result files. */
#include "command.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>

#include "format.h"
#include "log.h"
#include "plots.h"

struct options {
    const struct format *format;
    const char *plots, *published;
    struct bootstrap_options bootstrap;
    bool help;
    const char **file; /* [files] the caller's argv */
    int files;
};

enum {
    KEY_FORMAT = 'f',
    KEY_PLOTS = 'p',
    KEY_HELP = 'h',
    KEY_SEED = 0x100,
    KEY_RESAMPLES,
    KEY_PUBLISHED
};

static const struct argp_option option_table[] = {
    { "format", KEY_FORMAT, "FORMAT", 0, "md (default), csv, latex or json, on standard output",
      0 },
    { "plots", KEY_PLOTS, "DIR", 0, "draw the figures into DIR: PNG, PDF and SVG, with gnuplot",
      0 },
    { "published", KEY_PUBLISHED, "DIR", 0, "where the published figures are read from", 0 },
    { "resamples", KEY_RESAMPLES, "N", 0, "of the bootstrap, 10 ... 100000 (default 1000)", 0 },
    { "seed", KEY_SEED, "N", 0, "of the bootstrap (default 1)", 0 },
    { "help", KEY_HELP, NULL, 0, "this text", 0 },
    { 0 },
};

/* A whole number in [low, high], or an error that names the option. */
static error_t parse_number(struct argp_state *state, const char *option, const char *text,
                            long low, long high, long *out)
{
    char *end;
    errno = 0;
    *out = strtol(text, &end, 10);
    if (errno == 0 && *text && !*end && *out >= low && *out <= high)
        return 0;
    argp_error(state, "--%s %s: a whole number from %ld to %ld is expected", option, text, low,
               high);
    return EINVAL;
}

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
    case KEY_PLOTS:
        o->plots = value;
        return 0;
    case KEY_PUBLISHED:
        o->published = value;
        return 0;
    case KEY_RESAMPLES:
        bad = parse_number(state, "resamples", value, 10, 100000, &number);
        o->bootstrap.resamples = (int)number;
        return bad;
    case KEY_SEED:
        bad = parse_number(state, "seed", value, 0, INT32_MAX, &number);
        o->bootstrap.seed = (uint64_t)number;
        return bad;
    case KEY_HELP:
        o->help = true;
        return 0;
    case ARGP_KEY_ARG:
        o->file[o->files++] = value;
        return 0;
    case ARGP_KEY_END:
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

static int main_report(int argc, char **argv)
{
    static const struct argp argp = { option_table,
                                      parse_option,
                                      "FILE...",
                                      "Tables and plots from result files of evalh run, with "
                                      "bootstrap intervals and the published "
                                      "figures beside ours.",
                                      NULL,
                                      NULL,
                                      NULL };
    struct options o = { .format = formats[0], .bootstrap = bootstrap_default };
    struct error err;
    bool begun = false;

    o.file = calloc((size_t)argc + 1, sizeof *o.file);
    if (!o.file) {
        log_error("evalh report: no memory");
        return EXIT_FAILED;
    }
    int code = EXIT_USAGE;
    if (argp_parse(&argp, argc, argv, ARGP_NO_EXIT | ARGP_NO_HELP, NULL, &o) == 0) {
        code = EXIT_DONE;
        if (o.help) {
            argp_help(&argp, stdout, ARGP_HELP_STD_HELP & ~(unsigned)ARGP_HELP_EXIT_OK, argv[0]);
        } else if (report_files(&o, &begun, &err) != OK) {
            log_error("%s", err.text);
            code = begun ? EXIT_FAILED : EXIT_USAGE;
        }
    }
    free(o.file);
    return code;
}

const struct command command_report = { "report", "tables and plots from result files",
                                        main_report };
