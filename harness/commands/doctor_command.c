/* evalh doctor CONFIG: checks, before a long run, everything that it will need. Finds as many
 * faults as one pass can find, and says for each what would be right. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "doctor.h"
#include "h5file.h"
#include "log.h"
#include "run_again.h"
#include "run_found.h"
#include "run_list.h"

enum { DEFAULT_SAMPLE = 64 };

struct options {
    const char *config;
    struct cli_list settings;
    int sample;
    double quota; /* MiB */
};

/* ---- lines ----------------------------------------------------------------------------------- */

void doctor_say(struct doctor *d, enum doctor_mark mark, const char *about, const char *format, ...)
{
    static const char *const marks[DOCTOR_MARKS] = { "ok", "note", "FAULT" };
    va_list args;
    d->lines[mark]++;
    printf("%-6s %-12s ", marks[mark], about);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout); /* beside the log, in order */
}

/* ---- the config and its plan ----------------------------------------------------------------- */

static void config_is_wrong(void *doctor, const struct error *err)
{
    doctor_say(doctor, DOCTOR_FAULT, "config", "%s", err->text);
}

static void step_went(void *doctor, const char *step, enum status status, const struct error *err)
{
    if (status != OK)
        doctor_say(doctor, DOCTOR_FAULT, step, "%s", err->text);
}

/* A config that is partly wrong is read to its end: other keys may be wrong too. */
static void read_config(struct doctor *d, const struct options *o, struct config *config)
{
    struct error err;
    config_examine(config, o->config, config_is_wrong, d);
    for (size_t i = 0; i < o->settings.count; i++)
        if (config_set(config, o->settings.text[i], &err) != OK)
            config_is_wrong(d, &err);
    if (config_finish(config, &err) != OK)
        config_is_wrong(d, &err);
    if (d->lines[DOCTOR_FAULT] == 0)
        doctor_say(d, DOCTOR_OK, "config", "%s", o->config);
}

/* Of run.vary's runs what could differ: what they set, and what lies where they write. */
static void look_at_variants(struct doctor *d, const struct options *o)
{
    const struct run_words words = { .files = (const char *const *)&o->config,
                                     .file_count = 1,
                                     .settings = o->settings.text,
                                     .override_count = o->settings.count,
                                     .limit = "" };
    struct run_list all = { 0 };
    struct store_found found;
    struct error err;
    if (!d->opens || config_values(d->config)->run.vary.count == 0)
        return;
    bool read = run_list_read(&words, &all, &err) == OK;
    if (!read)
        doctor_say(d, DOCTOR_FAULT, "run.vary", "%s", err.text);
    for (size_t i = 1; read && i < all.count; i++) {
        struct plan *plan;
        enum status status = plan_open(all.item[i].config, &plan, &err);
        if (status == OK)
            status = run_look(plan, true, 1, false, &found, &err);
        plan_close(plan);
        if (status != OK)
            doctor_say(d, DOCTOR_FAULT, "run.vary", "%s", err.text);
    }
    run_list_free(&all);
}

static enum status examine(struct doctor *d, const struct options *o, struct config *config,
                           struct error *err)
{
    doctor_libraries(d);
    doctor_processor(d);
    read_config(d, o, config);
    if (config_values(config)->run.output == NULL) /* config_finish failed before it set this */
        TRY(config_set(config, "run.output=results/run.h5", err));
    d->opens =
        plan_examine(config, step_went, d, &d->plan, err) == OK && d->lines[DOCTOR_FAULT] == 0;
    if (d->plan == NULL)
        return E_NOMEM;
    look_at_variants(d, o);
    doctor_checkpoint(d);
    doctor_data(d);
    doctor_sample(d);
    doctor_work(d);
    return OK;
}

static void print_advice(const struct doctor *d, const struct options *o)
{
    char *command = run_again(&o->config, 1, o->settings.text, o->settings.count, NULL);
    printf("\nfit to run%s: %s\n",
           d->doubtful ? ", if the accuracy above is what you expect of this model" : "",
           command != NULL ? command : "evalh run");
    free(command);
}

static int run_doctor(void *options)
{
    const struct options *o = options;
    struct doctor d = { .sample = (size_t)o->sample, .quota = o->quota * 1048576 };
    struct config *config = NULL;
    struct error err;
    h5_quiet();
    enum status status = config_new(&config, &err);
    d.config = config;
    if (status == OK)
        status = examine(&d, o, config, &err);
    plan_close(d.plan);
    config_free(config);
    if (status != OK) {
        log_error("%s", err.text);
        return EXIT_FAILED;
    }
    if (d.lines[DOCTOR_FAULT] > 0)
        printf("\n%zu fault%s: the run would fail or mislead\n", d.lines[DOCTOR_FAULT],
               d.lines[DOCTOR_FAULT] > 1 ? "s" : "");
    else
        print_advice(&d, o);
    return d.lines[DOCTOR_FAULT] > 0 ? EXIT_USAGE : EXIT_DONE;
}

/* ---- the command line ------------------------------------------------------------------------ */

enum { KEY_QUOTA = 256 };

static const struct argp_option option_table[] = {
    CLI_SET_OPTION("a key of the config, over what its file says"),
    { "images", 'i', "N", 0, "how many images to decode and classify (default 64)", 0 },
    { "quota", KEY_QUOTA, "MIB", 0,
      "reckon with so much disk space, where a quota leaves less than "
      "the disk has",
      0 },
    CLI_HELP_OPTION,
};

#define AT(field) offsetof(struct options, field)
static const struct cli_place places[] = {
    { CLI_LIST, 's', AT(settings), 0, 0, NULL },
    { CLI_WHOLE, 'i', AT(sample), 1, 10000000, NULL },
    { CLI_REAL, KEY_QUOTA, AT(quota), 0.000001, 1e12, NULL },
    CLI_ONE_ARGUMENT(AT(config), "config", "evalh doctor configs/demo_vim.ini"),
    { 0 },
};

static const struct argp argp =
    CLI_ARGP(option_table, cli_option, "CONFIG",
             "Looks at everything that a run of CONFIG needs: libraries, processor, checkpoint, "
             "data set, accuracy on a sample, disk space, duration. Exit code 2 where anything is "
             "wrong; every fault is told, with what would be right.");

static const struct options defaults = { .sample = DEFAULT_SAMPLE };

const struct command command_doctor = { "doctor", "is everything there that a run needs?", &argp,
                                        CLI_OPTIONS(places, defaults), run_doctor };
