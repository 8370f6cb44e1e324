/* Completion for bash: commands, options, config keys and their values. It needs nothing but
 * bash. */
#include <stdlib.h>
#include <string.h>

#include "docs.h"

/* The word before the cursor is cut from the line itself: bash splits at '=', and both
 * --format=md and section.key=value are one word to us. A reply replaces what follows the last '='.
 */
static const char head[] =
    "# bash completion for evalh; made by evalh-docs from the tables of the program\n"
    "\n"
    "_evalh_words() { # $1: words to offer\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$cur\")\n"
    "}\n"
    "\n"
    "_evalh_files() { # $1: how names end, '' for any; folders always\n"
    "    compopt -o filenames 2>/dev/null\n"
    "    mapfile -t COMPREPLY < <({\n"
    "        compgen -d -- \"$cur\"\n"
    "        compgen -f -X \"!*$1\" -- \"$cur\"\n"
    "    } | sort -u)\n"
    "}\n"
    "\n"
    "_evalh_list() { # $1: words of a list with commas between\n"
    "    local list=$1 before\n"
    "    if [[ $cur == *,* ]]; then # the next word\n"
    "        before=${cur%,*},\n"
    "        list=$before${list// / $before}\n"
    "    fi\n"
    "    _evalh_words \"$list\"\n"
    "}\n"
    "\n"
    "_evalh_words_or_files() { # $1: words\n"
    "    compopt -o filenames 2>/dev/null\n"
    "    mapfile -t COMPREPLY < <({\n"
    "        compgen -W \"$1\" -- \"$cur\"\n"
    "        compgen -f -- \"$cur\"\n"
    "    } | sort -u)\n"
    "}\n"
    "\n"
    "_evalh_folders() {\n"
    "    compopt -o filenames 2>/dev/null\n"
    "    mapfile -t COMPREPLY < <(compgen -d -- \"$cur\")\n"
    "}\n"
    "\n";

static const char main_function[] = "_evalh() {\n"
                                    "    local line=${COMP_LINE:0:COMP_POINT} cur prev words\n"
                                    "    COMPREPLY=()\n"
                                    "    cur=${line##*[[:space:]]}\n"
                                    "    read -ra words <<<\"${line%\"$cur\"}\"\n"
                                    "    prev=${words[-1]}\n"
                                    "    if ((${#words[@]} < 2)); then\n"
                                    "        _evalh_words \"$_evalh_commands --help --version\"\n"
                                    "        return\n"
                                    "    fi\n"
                                    "    if [[ $cur == --*=* ]]; then\n"
                                    "        prev=${cur%%=*}\n"
                                    "        cur=${cur#*=}\n"
                                    "    fi\n"
                                    "    case ${words[1]} in\n";

static const char override_head[] =
    "_evalh_setting() { # $cur: section.key=value, or its beginning\n"
    "    if [[ $cur != *=* ]]; then\n"
    "        compopt -o nospace 2>/dev/null\n"
    "        _evalh_words \"$_evalh_keys\"\n"
    "        return\n"
    "    fi\n"
    "    local key=${cur%%=*} list='' many=''\n"
    "    cur=${cur#*=}\n"
    "    case $key in\n";

static const char override_tail[] = "    esac\n"
                                    "    if [[ $many ]]; then\n"
                                    "        _evalh_list \"$list\"\n"
                                    "    else\n"
                                    "        _evalh_words \"$list\"\n"
                                    "    fi\n"
                                    "}\n"
                                    "\n";

static void print_word(void *to, const char *word)
{
    fprintf(to, " %s", word);
}

/* Text keys that name files; every other one is free text or has words. */
static bool names_file(const struct config_key *k)
{
    static const char *const names[] = {
        "checkpoint", "output", "path", "root", "labels", "devkit"
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (k->type == KEY_TEXT && strcmp(k->name, names[i]) == 0)
            return true;
    return false;
}

static enum status print_overrides(FILE *f, struct error *err)
{
    fputs("_evalh_keys='", f);
    for (size_t i = 0; i < config_key_count; i++)
        fprintf(f, "%s%s.%s=", i > 0 ? " " : "", config_keys[i].section, config_keys[i].name);
    fprintf(f, "'\n\n%s", override_head);
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *k = &config_keys[i];
        char *words = NULL;
        size_t size;
        FILE *list = open_memstream(&words, &size);
        if (list == NULL)
            return fail(err, E_NOMEM, "no memory");
        key_words(k, print_word, list);
        if (fclose(list) != 0)
            return fail(err, E_NOMEM, "no memory");
        if (size > 0)
            fprintf(f, "    %s.%s) list='%s'%s ;;\n", k->section, k->name, words + 1,
                    k->type == KEY_SET || k->type == KEY_WORDS ? " many=1" : "");
        else if (names_file(k))
            fprintf(f, "    %s.%s)\n        _evalh_files ''\n        return\n        ;;\n",
                    k->section, k->name);
        free(words);
    }
    fputs(override_tail, f);
    return OK;
}

static void print_command(FILE *f, const struct command *c)
{
    const struct argp_option *o;
    const char *operands = c->argp->args_doc != NULL ? c->argp->args_doc : "";
    fprintf(f, "    %s)\n        case $prev in\n", c->name);
    for (int i = 0; (o = option_at(c->argp, i)) != NULL; i++) {
        if (o->arg == NULL)
            continue;
        fputs("        ", f);
        if (option_letter(o) != '\0')
            fprintf(f, "-%c | ", option_letter(o));
        fprintf(f, "--%s)\n            ", o->name);
        print_offer(f, BASH, o->arg);
        fputs("\n            return\n            ;;\n", f);
    }
    fputs("        esac\n        if [[ $cur == -* ]]; then\n            _evalh_words '", f);
    for (int i = 0; (o = option_at(c->argp, i)) != NULL; i++)
        fprintf(f, "%s--%s", i > 0 ? " " : "", o->name);
    fputs("'\n        else\n            ", f);
    if (operand_of(operands) == OPERAND_MODEL)
        print_offer(f, BASH, operands);
    else
        fprintf(f, "_evalh_files '%s'", strncmp(operands, "CONFIG", 6) == 0 ? ".ini" : "");
    fputs("\n        fi\n        ;;\n", f);
}

enum status complete_bash(const char *folder, struct error *err)
{
    struct page page;
    TRY(page_open(&page, folder, "evalh", err));
    FILE *f = page.to;
    fputs(head, f);
    fputs("_evalh_commands='", f);
    for (size_t i = 0; commands[i] != NULL; i++)
        fprintf(f, "%s%s", i > 0 ? " " : "", commands[i]->name);
    fputs("'\n\n", f);
    enum status status = print_overrides(f, err);
    fputs(main_function, f);
    for (size_t i = 0; commands[i] != NULL; i++)
        print_command(f, commands[i]);
    fputs("    esac\n}\ncomplete -F _evalh evalh\n", f);
    if (status != OK) {
        fclose(f);
        return status;
    }
    return page_close(&page, err);
}
