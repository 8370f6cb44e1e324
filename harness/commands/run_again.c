#include "run_again.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* $'...' for what a terminal would not show as it is. */
static void put_escaped(FILE *f, const char *word)
{
    fputs(" $'", f);
    for (const unsigned char *p = (const unsigned char *)word; *p != '\0'; p++)
        if (*p == '\'' || *p == '\\')
            fprintf(f, "\\%c", *p);
        else if (*p < 0x20 || *p >= 0x7f)
            fprintf(f, "\\%03o", *p);
        else
            fputc(*p, f);
    fputc('\'', f);
}

/* As a shell takes it. */
static void put_word(FILE *f, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-_=.,:/+@%";
    bool quoted = word[0] == '\0' || word[strspn(word, plain)] != '\0', shows = true;
    for (const unsigned char *p = (const unsigned char *)word; *p != '\0'; p++)
        shows = shows && *p >= 0x20 && *p < 0x7f;
    if (!shows) {
        put_escaped(f, word);
        return;
    }
    fputs(quoted ? " '" : " ", f);
    for (const char *p = word; *p != '\0'; p++)
        if (*p == '\'')
            fputs("'\\''", f);
        else
            fputc(*p, f);
    if (quoted)
        fputc('\'', f);
}

char *run_again(const char *const *configs, size_t config_count, const char *const *settings,
                size_t override_count, const char *limit)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    if (f == NULL)
        return NULL;
    fputs("evalh run", f);
    for (size_t i = 0; i < config_count; i++)
        put_word(f, configs[i]);
    for (size_t i = 0; i < override_count; i++) {
        fputs(" -s", f);
        put_word(f, settings[i]);
    }
    if (limit != NULL) {
        fputs(" --limit", f);
        put_word(f, limit);
    }
    if (fclose(f) == 0)
        return text;
    free(text);
    return NULL;
}
