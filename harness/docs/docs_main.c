/* evalh-docs DIR: writes DIR/man1, DIR/man5, DIR/completions (bash) and DIR/site-functions (zsh).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "docs.h"
#include "explain.h"
#include "log.h"
#include "model.h"

/* ---- files ----------------------------------------------------------------------------------- */

enum status page_open(struct page *page, const char *folder, const char *name, struct error *err)
{
    snprintf(page->path, sizeof page->path, "%s/%s", folder, name);
    snprintf(page->temporary, sizeof page->temporary, "%s.new", page->path);
    page->to = fopen(page->temporary, "w");
    if (page->to == NULL)
        return fail(err, E_IO, "%s: %s", page->temporary, strerror(errno));
    return OK;
}

enum status page_close(struct page *page, struct error *err)
{
    bool bad = ferror(page->to) != 0;
    bad = fclose(page->to) != 0 || bad;
    if (bad || rename(page->temporary, page->path) != 0)
        return fail(err, E_IO, "%s: cannot be written: %s", page->path, strerror(errno));
    return OK;
}

/* ---- tables ---------------------------------------------------------------------------------- */

const struct argp_option *option_at(const struct argp *argp, int i)
{
    for (const struct argp_option *o = argp->options;
         o->name != NULL || o->key != 0 || o->doc != NULL; o++)
        if ((o->flags & (OPTION_HIDDEN | OPTION_DOC)) == 0 && o->name != NULL && i-- == 0)
            return o;
    return NULL;
}

char option_letter(const struct argp_option *o)
{
    return o->key > ' ' && o->key < 127 ? (char)o->key : '\0';
}

enum operand operand_of(const char *place_holder)
{
    if (strncmp(place_holder, "METHOD", 6) == 0)
        return strchr(place_holder, ',') != NULL ? OPERAND_METHODS : OPERAND_METHOD;
    if (strcmp(place_holder, "MODEL") == 0)
        return OPERAND_MODEL;
    if (strlen(place_holder) == 1 || strchr(place_holder, ',') != NULL)
        return OPERAND_NONE; /* N, X; NAME,... */
    if (strchr(place_holder, '|') != NULL)
        return OPERAND_CHOICE;
    if (strcmp(place_holder, "SECTION.KEY=VALUE") == 0)
        return OPERAND_OVERRIDE;
    if (strcmp(place_holder, "DIR") == 0)
        return OPERAND_FOLDER;
    return OPERAND_FILE;
}

void choice_words(FILE *f, const char *place_holder)
{
    const char *before = "";
    enum operand operand = operand_of(place_holder);
    if (operand == OPERAND_METHOD || operand == OPERAND_METHODS) {
        for (size_t i = 0; explain_methods[i] != NULL; i++)
            fprintf(f, "%s%s", i > 0 ? " " : "", explain_methods[i]->name);
        return;
    }
    if (operand == OPERAND_MODEL) {
        for (int i = 0; model_published_name(i) != NULL; i++)
            fprintf(f, "%s%s", i > 0 ? " " : "", model_published_name(i));
        return;
    }
    for (const char *p = place_holder; *p != '\0';) {
        size_t length = strcspn(p, "|");
        bool stands_for_more = strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") >= length; /* N, NAME */
        if (!stands_for_more) {
            fprintf(f, "%s%.*s", before, (int)length, p);
            before = " ";
        }
        p += length + (p[length] == '|');
    }
}

void print_offer(FILE *f, enum shell shell, const char *place_holder)
{
    /* Shell code before and after the words; without words the second is NULL. */
    static const struct {
        const char *before, *after;
    } offers[OPERANDS][SHELLS] = {
        [OPERAND_NONE] = { { ":", NULL }, { " ", NULL } },
        [OPERAND_CHOICE] = { { "_evalh_words '", "'" }, { "(", ")" } },
        [OPERAND_METHOD] = { { "_evalh_words '", "'" }, { "(", ")" } },
        [OPERAND_METHODS] = { { "_evalh_list '", "'" }, { "_sequence compadd - ", "" } },
        [OPERAND_MODEL] = { { "_evalh_words_or_files '", "'" }, { "_evalh_model", NULL } },
        [OPERAND_OVERRIDE] = { { "_evalh_setting", NULL }, { "_evalh_setting", NULL } },
        [OPERAND_FOLDER] = { { "_evalh_folders", NULL }, { "_files -/", NULL } },
        [OPERAND_FILE] = { { "_evalh_files ''", NULL }, { "_files", NULL } },
    };
    enum operand operand = operand_of(place_holder);
    fputs(offers[operand][shell].before, f);
    if (offers[operand][shell].after == NULL)
        return;
    choice_words(f, place_holder);
    fputs(offers[operand][shell].after, f);
}

/* ---- the program ----------------------------------------------------------------------------- */

static enum status folder_of(const char *parent, const char *name, char *out, size_t size,
                             struct error *err)
{
    if (snprintf(out, size, "%s/%s", parent, name) >= (int)size)
        return fail(err, E_IO, "%s/%s: too long a path", parent, name);
    if (mkdir(out, 0777) != 0 && errno != EEXIST)
        return fail(err, E_IO, "%s: %s", out, strerror(errno));
    return OK;
}

static enum status write_all(const char *top, struct error *err)
{
    char folder[4000];
    TRY(folder_of(top, "man1", folder, sizeof folder, err));
    TRY(man_main(folder, err));
    for (size_t i = 0; commands[i] != NULL; i++) {
        if (commands[i]->argp == NULL)
            return fail(err, E_CONFIG, "command %s: its table entry lacks argp (harness/command.h)",
                        commands[i]->name);
        TRY(man_command(folder, commands[i], err));
    }
    TRY(folder_of(top, "man5", folder, sizeof folder, err));
    TRY(man_config(folder, err));
    TRY(folder_of(top, "completions", folder, sizeof folder, err));
    TRY(complete_bash(folder, err));
    TRY(folder_of(top, "site-functions", folder, sizeof folder, err));
    return complete_zsh(folder, err);
}

int main(int argc, char **argv)
{
    struct error err;
    if (argc != 2) {
        log_error("usage: evalh-docs DIR");
        return EXIT_USAGE;
    }
    if (write_all(argv[1], &err) == OK)
        return EXIT_DONE;
    log_error("%s", err.text);
    return EXIT_FAILED;
}
