/* evalh.ini(5): every key, method, task and kind of data set. */
#include <string.h>

#include "docs.h"
#include "explain.h"
#include "task.h"

static void paragraph(FILE *f, const char *text)
{
    roff_text(f, text);
    fputc('\n', f);
}

/* ---- what a key takes ------------------------------------------------------------------------ */

static bool is_key(const struct config_key *k, const char *section, const char *name)
{
    return strcmp(k->section, section) == 0 && strcmp(k->name, name) == 0;
}

void key_words(const struct config_key *k, void (*word)(void *, const char *), void *to)
{
    if (is_key(k, "explain", "methods"))
        for (size_t i = 0; explain_methods[i] != NULL; i++)
            word(to, explain_methods[i]->name);
    else if (is_key(k, "task", "kind"))
        for (size_t i = 0; tasks[i] != NULL; i++)
            word(to, tasks[i]->name);
    else if (is_key(k, "data", "kind"))
        for (size_t i = 0; dataset_kinds[i] != NULL; i++)
            word(to, dataset_kinds[i]->name);
    else if (k->names != NULL)
        for (size_t i = 0; k->names[i] != NULL; i++)
            word(to, k->names[i]);
}

struct words_to {
    FILE *to;
    int count;
};

static void print_word(void *state, const char *word)
{
    struct words_to *w = state;
    fputs(w->count++ > 0 ? ", \\fB" : ": \\fB", w->to);
    roff_text(w->to, word);
    fputs("\\fR", w->to);
}

static void print_words(FILE *f, const char *before, const struct config_key *k)
{
    struct words_to w = { f, 0 };
    fputs(before, f);
    key_words(k, print_word, &w);
    fputs(".\n", f);
}

/* "A whole number, 1 ... 4096, or auto." */
static void print_range(FILE *f, const struct config_key *k)
{
    switch (k->type) {
    case KEY_CHOICE:
        print_words(f, "One of", k);
        break;
    case KEY_SET:
        print_words(f, "One or more, with commas between", k);
        break;
    case KEY_WORDS:
        print_words(f, "A list, with commas between", k);
        break;
    case KEY_INT:
    case KEY_REAL:
        fprintf(f, "A %snumber, %.16g ... %.16g", k->type == KEY_INT ? "whole " : "", k->low,
                k->high);
        if (k->names != NULL)
            fprintf(f, ", or \\fB%s\\fR", k->names[0]);
        fputs(".\n", f);
        break;
    case KEY_TEXT:
        if (is_key(k, "data", "kind"))
            print_words(f, "One of", k);
        break;
    }
    if (k->initial != NULL) {
        fputs("Default: \\fB", f);
        roff_text(f, k->initial);
        fputs("\\fR.\n", f);
    }
}

static void print_key(FILE *f, const struct config_key *k)
{
    fputs(".TP\n.B ", f);
    paragraph(f, k->name);
    roff_text(f, k->doc);
    size_t length = strlen(k->doc);
    fputs(length > 0 && k->doc[length - 1] == '.' ? "\n" : ".\n", f);
    print_range(f, k);
}

/* ---- sections of the page -------------------------------------------------------------------- */

static const char introduction[] =
    "A config describes one run of evalh: sections in brackets, lines of 'key = value', comments "
    "behind ';'. An unknown key, a value out of range or a missing file is an error that names the "
    "line. ${NAME} in a value is taken from the environment, ${CONFIG_DIR} is the folder of the "
    "config, and ~/ at the beginning of a value the home folder. Relative paths start from where "
    "evalh is called, whichever folder the config lies in. Every key can also be set from the "
    "command line, which then counts: --set "
    "section.key=value.";

static const char hashing[] =
    "Keys that decide numbers enter the config's hash, and a run is continued only with the same "
    "hash. These do not, and may change between parts of a run: ";

static void print_free_keys(FILE *f)
{
    bool any = false;
    fputs(".PP\n", f);
    roff_text(f, hashing);
    for (size_t i = 0; i < config_key_count; i++)
        if (!config_keys[i].shapes_result) {
            fprintf(f, "%s\\fB%s.", any ? ", " : "", config_keys[i].section);
            roff_text(f, config_keys[i].name);
            fputs("\\fR", f);
            any = true;
        }
    fputs(". Checkpoint and data enter by their own hashes.\n", f);
}

static void print_keys(FILE *f)
{
    const char *section = "";
    for (size_t i = 0; i < config_key_count; i++) {
        if (strcmp(section, config_keys[i].section) != 0)
            fprintf(f, ".SH [%s]\n", config_keys[i].section);
        section = config_keys[i].section;
        print_key(f, &config_keys[i]);
    }
    fputs(".SH [maps]\n.TP\n.I NAME\n", f);
    roff_text(f, config_maps_help);
    fputs(".\n", f);
}

static void entry(FILE *f, const char *name, const char *summary)
{
    fputs(".TP\n.B ", f);
    paragraph(f, name);
    roff_text(f, summary);
    fputs(".\n", f);
}

static void print_tables(FILE *f)
{
    fputs(".SH EXPLANATION METHODS\n", f);
    for (size_t i = 0; explain_methods[i] != NULL; i++) {
        const struct explain_method *m = explain_methods[i];
        entry(f, m->name, m->summary);
        if (m->class_agnostic)
            fputs("The same map for every class.\n", f);
        if (m->needs_double)
            fputs("On a ViT it needs more than fp32: see explain.precision.\n", f);
    }
    fputs(".SH TASKS\n", f);
    for (size_t i = 0; tasks[i] != NULL; i++) {
        entry(f, tasks[i]->name, tasks[i]->summary);
        if (tasks[i]->traits & TASK_LABELS)
            fputs("Needs labels.\n", f);
        if (tasks[i]->traits & TASK_MASKS)
            fputs("Needs masks.\n", f);
    }
    fputs(".SH DATA SETS\n", f);
    for (size_t i = 0; dataset_kinds[i] != NULL; i++)
        entry(f, dataset_kinds[i]->name, dataset_kinds[i]->summary);
}

static const char example[] = "[model]\n"
                              "arch = vim_small\n"
                              "checkpoint = ${EVALH_WEIGHTS}/vim_s_midclstok_80p5acc.pth\n"
                              "\n"
                              "[data]\n"
                              "kind = imagenet\n"
                              "path = ${EVALH_DATA}/imagenet\n"
                              "\n"
                              "[explain]\n"
                              "methods = raw, rollout, attribution\n"
                              "class = predicted, target\n"
                              "\n"
                              "[task]\n"
                              "kind = perturbation\n";

enum status man_config(const char *folder, struct error *err)
{
    struct page page;
    TRY(page_open(&page, folder, "evalh.ini.5", err));
    FILE *f = page.to;
    roff_title(f, "evalh.ini", "5", "config of a run of evalh");
    fputs(".SH DESCRIPTION\n", f);
    paragraph(f, introduction);
    print_free_keys(f);
    print_keys(f);
    print_tables(f);
    fputs(".SH EXAMPLE\n.nf\n", f);
    roff_text(f, example);
    fputs(".fi\n.SH SEE ALSO\n.BR evalh (1),\n.BR evalh\\-run (1)\n", f);
    return page_close(&page, err);
}
