/* A configuration as text: the text that results store, its hash, differences, and the reference of
 * keys. */
#include "config_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sha256.h"

/* Writes a section's heading before the first of its keys. */
static void put_section(FILE *f, const struct config_key *k)
{
    bool first = k == config_keys;
    if (first || strcmp(k[-1].section, k->section) != 0)
        fprintf(f, "%s[%s]\n", first ? "" : "\n", k->section);
}

char *config_text(const struct config *c)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    if (f == NULL)
        return NULL;
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *k = &config_keys[i];
        put_section(f, k);
        if (c->entries[i].text != NULL)
            fprintf(f, "%s = %s\n", k->name, c->entries[i].text);
    }
    const struct config_maps *m = &c->values.maps;
    for (size_t i = 0; i < m->count; i++)
        fprintf(f, "%s%s = %s\n", i == 0 ? "\n[maps]\n" : "", m->map[i].name, m->map[i].path);
    if (fclose(f) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

static bool same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

void config_hash(const struct config *c, char hex[65])
{
    struct sha256 sha;
    sha256_begin(&sha);
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *k = &config_keys[i];
        const bool extent = k->shapes_result == KEY_SHAPES_EXTENT;
        if (k->shapes_result == KEY_SHAPES_NOTHING ||
            (k->shapes_result == KEY_ADDED && same(c->entries[i].text, k->initial)))
            continue;
        /* With the NULs as separators no two configurations share a byte string. */
        const char *text = extent ? k->initial : c->entries[i].text;
        text = text != NULL ? text : "";
        sha256_add(&sha, k->section, strlen(k->section) + 1);
        sha256_add(&sha, k->name, strlen(k->name) + 1);
        sha256_add(&sha, text, strlen(text) + 1);
    }
    /* The content of a map counts, not its path. */
    for (size_t i = 0; i < c->values.maps.count; i++) {
        const struct config_map *m = &c->values.maps.map[i];
        sha256_add(&sha, "maps", sizeof "maps");
        sha256_add(&sha, m->name, strlen(m->name) + 1);
        sha256_add(&sha, m->sha256, strlen(m->sha256) + 1);
    }
    sha256_end(&sha, hex);
}

/* Whether a run of `now` may go on from one of `then` as far as this key says, which is no part of
 * the hash: it takes more. 0: all. */
static bool extends(const struct config_key *k, const struct config *then, const struct config *now)
{
    if (k->shapes_result != KEY_SHAPES_EXTENT)
        return false;
    int64_t a, b;
    memcpy(&a, (const char *)&then->values + k->offset, sizeof a);
    memcpy(&b, (const char *)&now->values + k->offset, sizeof b);
    return a != 0 && (b == 0 || b >= a);
}

size_t config_difference(const struct config *then, const struct config *now, char *out,
                         size_t size)
{
    size_t count = 0, used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *k = &config_keys[i];
        const char *a = then->entries[i].text, *b = now->entries[i].text;
        if (k->shapes_result == KEY_SHAPES_NOTHING || same(a, b) || extends(k, then, now))
            continue;
        if (used < size) {
            int n = snprintf(out + used, size - used, "%s%s.%s was '%s' and is now '%s'",
                             count > 0 ? "; " : "", k->section, k->name, a ? a : "", b ? b : "");
            used += n > 0 ? (size_t)n : 0;
        }
        count++;
    }
    return count;
}

char *config_reference(void)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    if (f == NULL)
        return NULL;
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *k = &config_keys[i];
        put_section(f, k);
        fprintf(f, "  %s", k->name);
        if (k->initial != NULL)
            fprintf(f, " = %s", k->initial);
        if (k->type == KEY_CHOICE || k->type == KEY_SET) {
            fputs("   (", f);
            for (int j = 0; k->names[j] != NULL; j++)
                fprintf(f, "%s%s", j > 0 ? (k->type == KEY_SET ? ", " : " | ") : "", k->names[j]);
            fputc(')', f);
        } else if (k->type == KEY_INT || k->type == KEY_REAL) {
            fprintf(f, "   (%.16g ... %.16g%s%s)", k->low, k->high, k->names ? ", " : "",
                    k->names ? k->names[0] : "");
        }
        fprintf(f, "\n      %s\n", k->doc);
    }
    fprintf(f, "\n[maps]\n  NAME\n      %s\n", config_maps_help);
    if (fclose(f) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
