/* Completion for zsh: commands with their summaries, options with their texts. Config keys are
 * completed up to '='; their values are bash's alone. */
#include <string.h>

#include "docs.h"

/* Escapes text inside '...' of an _arguments specification, where brackets, colons and quotes are
 * syntax. */
static void quoted(FILE *f, const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '\'')
            fputs("'\\''", f);
        else if (strchr("[]:\\", *p) != NULL)
            fprintf(f, "\\%c", *p);
        else
            fputc(*p, f);
    }
}

/* ":what:how to complete it" behind an option or operand. */
static void print_operand(FILE *f, const char *place_holder)
{
    fputc(':', f);
    quoted(f, place_holder);
    fputc(':', f);
    print_offer(f, ZSH, place_holder);
}

static void print_option(FILE *f, const struct argp_option *o)
{
    /* --set may be given again and again, which '*' says; for the others that does no harm */
    fputs(" \\\n            ", f);
    if (option_letter(o) != '\0')
        fprintf(f, "'*'{-%c,--%s%s}'[", option_letter(o), o->name, o->arg != NULL ? "=" : "");
    else
        fprintf(f, "'--%s%s[", o->name, o->arg != NULL ? "=" : "");
    quoted(f, o->doc);
    fputc(']', f);
    if (o->arg != NULL)
        print_operand(f, o->arg);
    fputc('\'', f);
}

static void print_command(FILE *f, const struct command *c)
{
    const struct argp_option *o;
    const char *operands = c->argp->args_doc != NULL ? c->argp->args_doc : "";
    fprintf(f, "    %s)\n        _arguments", c->name);
    for (int i = 0; (o = option_at(c->argp, i)) != NULL; i++)
        print_option(f, o);
    const char *how = operand_of(operands) == OPERAND_MODEL ? "_evalh_model"
                      : strncmp(operands, "CONFIG", 6) == 0 ? "_files -g \"*.ini(-.)\""
                                                            : "_files";
    fprintf(f, " \\\n            '*:%.*s:%s'\n        ;;\n", (int)strcspn(operands, "\n"), operands,
            how);
}

enum status complete_zsh(const char *folder, struct error *err)
{
    struct page page;
    TRY(page_open(&page, folder, "_evalh", err));
    FILE *f = page.to;
    fputs("#compdef evalh\n# made by evalh-docs from the tables of the program\n\n"
          "_evalh_setting() {\n    local -a keys=(",
          f);
    for (size_t i = 0; i < config_key_count; i++)
        fprintf(f, "\n        %s.%s", config_keys[i].section, config_keys[i].name);
    fputs("\n    )\n    compadd -S = -a keys\n}\n\n_evalh_model() {\n    compadd -- ", f);
    choice_words(f, "MODEL");
    fputs("\n    _files\n}\n\n_evalh() {\n    local -a commands=(", f);
    for (size_t i = 0; commands[i] != NULL; i++) {
        fprintf(f, "\n        '%s:", commands[i]->name);
        quoted(f, commands[i]->summary);
        fputc('\'', f);
    }
    fputs("\n    )\n    if ((CURRENT == 2)); then\n        _describe command commands\n"
          "        return\n    fi\n    local command=$words[2]\n    shift words\n"
          "    ((CURRENT--))\n    case $command in\n",
          f);
    for (size_t i = 0; commands[i] != NULL; i++)
        print_command(f, commands[i]);
    fputs("    esac\n}\n\n_evalh \"$@\"\n", f);
    return page_close(&page, err);
}
