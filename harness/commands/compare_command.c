/* evalh compare A B: are two runs the same? A table of what differs, a verdict, an exit code. */
#include "command.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "decimal.h"
#include "compare.h"
#include "format.h"

struct options {
    const char *file[2];
    int files;
    bool paired;
    double tolerance, slower;
    struct bootstrap_options bootstrap;
};

enum { KEY_PAIRED = 'p', KEY_TOLERANCE = 't', KEY_SLOWER = 's' };

static const struct argp_option option_table[] = {
    { "paired", KEY_PAIRED, NULL, 0,
      "add the differences of every figure: paired bootstrap, McNemar", 0 },
    { "tolerance", KEY_TOLERANCE, "X", 0,
      "how far float records may be apart, maps relative to their largest value (default 0)", 0 },
    { "slower", KEY_SLOWER, "X", 0, "B may take up to X times A's seconds an image (default 1.2)",
      0 },
    CLI_BOOTSTRAP_OPTIONS,
    CLI_HELP_OPTION,
};

#define AT(field) offsetof(struct options, field)
static const struct cli_place places[] = {
    { CLI_FLAG, KEY_PAIRED, AT(paired), 0, 0, NULL },
    { CLI_REAL, KEY_TOLERANCE, AT(tolerance), 0, 1, NULL },
    { CLI_REAL, KEY_SLOWER, AT(slower), 1, 1e6, NULL },
    CLI_BOOTSTRAP_PLACES(AT(bootstrap)),
    { 0 },
};

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct options *o = cli_options(state);

    switch (key) {
    case ARGP_KEY_ARG:
        if (o->files < 2)
            o->file[o->files] = value;
        o->files++;
        return 0;
    case ARGP_KEY_END:
        if (o->files == 2 || cli_help_asked(state))
            return 0;
        argp_error(state, "two result files (.h5) are expected");
        return EINVAL;
    default:
        return cli_option(key, value, state);
    }
}

static const struct argp argp =
    CLI_ARGP(option_table, parse_option, "A B",
             "Compares two result files of evalh run record by record. Exit code 0: equal; 1: "
             "numbers differ, or B was slower; 2: a file cannot be read.");

static const struct options defaults = { .slower = 1.2, .bootstrap = BOOTSTRAP_DEFAULT };

/* --- printing -------------------------------------------------------------------------------- */

/* The words of a list "scan=pair,norm=row" that another list lacks. */
static void print_lacking(const char *list, const char *other)
{
    bool any = false;
    while (*list != '\0') {
        size_t length = strcspn(list, ",");
        bool has = false;
        for (const char *at = other; *at != '\0' && !has; at += *at == ',') {
            size_t own = strcspn(at, ",");
            has = own == length && memcmp(at, list, length) == 0;
            at += own;
        }
        if (!has)
            printf("%s%.*s", any ? "," : "", (int)length, list);
        any = any || !has;
        list += length + (list[length] == ',');
    }
}

/* A file of an older version says nothing of the data set's contents, which is no difference. */
static bool attribute_differs(const struct result *a, const struct result *b, int k)
{
    const char *x = a->attribute[k], *y = b->attribute[k];
    bool silent = k == ATTR_DATASET_CONTENTS && (*x == '\0' || *y == '\0');
    return !silent && strcmp(x, y) != 0;
}

/* Prints the attributes in which the two runs differ. */
static void print_provenance(const struct result *a, const struct result *b, bool more)
{
    bool any = more; /* a list follows */
    for (int k = 0; k < RESULT_ATTRIBUTES; k++)
        any = any || attribute_differs(a, b, k);
    if (any)
        putchar('\n');
    for (int k = 0; k < RESULT_ATTRIBUTES; k++) {
        const char *x = a->attribute[k], *y = b->attribute[k];
        if (!attribute_differs(a, b, k))
            continue;
        if (k == ATTR_CONFIG)
            printf("- config: not the same text\n");
        else if (k == ATTR_KERNELS) {
            printf("- kernels: ");
            print_lacking(x, y);
            printf(" | ");
            print_lacking(y, x);
            putchar('\n');
        } else
            printf("- %s: %.40s | %.40s\n", attribute_names[k], x, y);
    }
}

static void size_cell(struct grid *g, double size)
{
    if (size > 0)
        grid_cell(g, "%.3g", size);
    else
        grid_cell(g, "–");
}

enum { MOST_SHOWN = 20 };

static void print_found(const struct result *a, const struct comparison *c)
{
    struct grid g;
    if (c->founds == 0)
        return;
    putchar('\n'); /* without an empty line Markdown would take the table for a part of the list */
    grid_begin(&g, "lrlr");
    grid_cell(&g, "what differs");
    grid_cell(&g, "images");
    grid_cell(&g, "first");
    grid_cell(&g, "largest");
    for (size_t i = 0; i < c->founds && i < MOST_SHOWN; i++) {
        const struct difference *d = &c->found[i];
        grid_cell(&g, "%s", d->what);
        grid_cell(&g, "%zu", d->images);
        grid_cell(&g, "%s", a->id[d->first]);
        size_cell(&g, d->largest);
    }
    if (!g.failed)
        grid_markdown(&g, stdout);
    if (c->founds > MOST_SHOWN)
        printf("\n... and %zu more.\n", c->founds - MOST_SHOWN);
    grid_end(&g);
}

static void print_paired(const struct paired *p, const struct bootstrap_options *bootstrap)
{
    static const char *const header[] = { "method", "class",       "figure",           "A",
                                          "B",      "B - A",       "95 % CI",          "p, Holm",
                                          "d_z",    "B better, %", "McNemar p at 50 %" };
    struct grid g;
    grid_begin(&g, "lllrrrrrrrr");
    for (size_t i = 0; i < sizeof header / sizeof *header; i++)
        grid_cell(&g, "%s", header[i]);
    for (size_t i = 0; i < p->rows; i++) {
        const struct paired_row *r = &p->row[i];
        grid_cell(&g, "%s", r->method);
        grid_cell(&g, "%s", r->agnostic ? "both" : explained_names[r->explained]);
        grid_cell(&g, "%s", r->figure);
        char low[DECIMAL_SIZE], high[DECIMAL_SIZE];
        grid_cell(&g, "%s", decimal(low, r->value[0], 2));
        grid_cell(&g, "%s", decimal(low, r->value[1], 2));
        grid_cell(&g, "%s", decimal_signed(low, r->value[1] - r->value[0], 2));
        if (r->untouched)
            grid_cell(&g, "the same records");
        else
            grid_cell(&g, "[%s, %s]", decimal_signed(low, r->difference.low, 2),
                      decimal_signed(high, r->difference.high, 2));
        size_cell(&g, isnan(r->p_holm) ? 0 : r->p_holm);
        grid_cell(&g, "%s", decimal_signed(low, r->effect.d_z, 2));
        grid_cell(&g, "%s", decimal(low, 100 * r->effect.share_better, 1));
        size_cell(&g, isnan(r->p) ? 0 : r->p);
    }
    printf("\nPaired, on the %zu images that both scored (%d resamples, seed %llu):\n\n", p->images,
           bootstrap->resamples, (unsigned long long)bootstrap->seed);
    if (!g.failed)
        grid_markdown(&g, stdout);
    grid_end(&g);
    if (p->labelled)
        printf(
            "\np, Holm: of %d random signs of the images' differences in AUC, corrected over all "
            "rows; d_z: their mean\nin standard deviations, positive where B is better; B "
            "better: in so many images, equal ones by half.\n",
            SIGNIFICANCE_RESAMPLES);
    if (p->labelled)
        printf("\nTop-1 on whole images: right in both %zu, only in A %zu, only in B %zu, in "
               "neither %zu; "
               "McNemar p = %.3g (exact)\n",
               p->top1.both, p->top1.only_a, p->top1.only_b, p->top1.neither, p->top1.p_exact);
}

/* --- verdict --------------------------------------------------------------------------------- */

/* Prints the last line, one sentence for a nightly mail. Returns the exit code. */
static int verdict(const struct options *o, const struct result *const *r,
                   const struct comparison *c)
{
    double ratio = c->seconds[1] / c->seconds[0];
    bool slower = ratio > o->slower; /* false where either is unknown */
    char speed[160] = "";

    if (slower)
        snprintf(speed, sizeof speed,
                 "%sslower: %.3g s an image against %.3g s, %.2f times as long",
                 c->founds || c->lonelies ? "; and " : "", c->seconds[1], c->seconds[0], ratio);
    if (!c->same_images) {
        size_t i = c->first_other;
        printf("verdict: other images: %zu in A, %zu in B; they part at number %zu (%s | %s)\n",
               r[0]->images, r[1]->images, i + 1, i < r[0]->images ? r[0]->id[i] : "-",
               i < r[1]->images ? r[1]->id[i] : "-");
        return EXIT_FAILED;
    }
    if (c->founds || c->lonelies) {
        size_t first = SIZE_MAX;
        for (size_t i = 0; i < c->founds; i++)
            first = c->found[i].first < first ? c->found[i].first : first;
        printf("verdict: numbers differ: %zu of %zu datasets, %zu entries in one file alone",
               c->founds, c->compared, c->lonelies);
        if (first != SIZE_MAX)
            printf("; first image: %s", r[0]->id[first]);
        printf("%s\n", speed);
        return EXIT_FAILED;
    }
    if (slower) {
        printf("verdict: numbers equal, but %s\n", speed);
        return EXIT_FAILED;
    }
    printf("verdict: equal: %zu datasets of %zu images%s", c->compared, r[0]->images,
           o->tolerance > 0 ? " within the tolerance" : ", bit for bit");
    if (!isnan(ratio))
        printf("; B took %.2f times as long", ratio);
    putchar('\n');
    return EXIT_DONE;
}

static enum status compare_files(const struct options *o, const struct result *const *r, int *code,
                                 struct error *err)
{
    struct comparison c;
    TRY(compare_results(r[0], r[1], o->tolerance, &c, err));
    for (int i = 0; i < 2; i++) {
        const char *doubt = r[i]->attribute[ATTR_DOUBT];
        printf("%c: %s%s%s\n", "AB"[i], r[i] -> path, doubt[0] != '\0' ? ": DOUBTFUL: " : "",
               doubt);
    }
    print_provenance(r[0], r[1], c.lonelies > 0);
    for (size_t i = 0; i < c.lonelies; i++)
        printf("- %s\n", c.lonely[i]);
    print_found(r[0], &c);
    enum status status = OK;
    if (o->paired && c.same_images) {
        struct paired p;
        status = pair_results(r[0], r[1], &o->bootstrap, true, &p, err);
        if (status == OK) {
            print_paired(&p, &o->bootstrap);
            paired_free(&p);
        }
    }
    if (status == OK) {
        putchar('\n');
        *code = verdict(o, r, &c);
    }
    comparison_free(&c);
    return status;
}

static int run_compare(void *options)
{
    const struct options *o = options;
    struct result *r[2] = { NULL, NULL };
    struct error err;
    int code = EXIT_DONE;
    enum status status = result_open(o->file[0], &r[0], &err);
    if (status == OK)
        status = result_open(o->file[1], &r[1], &err);
    bool begun = status == OK;
    if (begun)
        status = compare_files(o, (const struct result *const *)r, &code, &err);
    if (status != OK)
        code = cli_exit_code(status, begun, &err);
    result_close(r[0]);
    result_close(r[1]);
    return code;
}

const struct command command_compare = { "compare", "are two result files the same?", &argp,
                                         CLI_OPTIONS(places, defaults), run_compare };
