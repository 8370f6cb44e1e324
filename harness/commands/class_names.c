#include "class_names.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum form { FORM_INDEX, FORM_WNID, FORM_NAME };
enum { WNID_LENGTH = 9, MOST_CLASSES = 1000000 };

struct entry {
    long index;
    char *wnid, *name;
};

struct reading {
    const char *path;
    int line, blank; /* number of the last line; of the first blank one, or 0 */
    enum form form;
    struct entry *entries;
    size_t count, room;
};

static bool is_wnid(const char *s)
{
    if (s[0] != 'n')
        return false;
    for (int i = 1; i < WNID_LENGTH; i++)
        if (!isdigit((unsigned char)s[i]))
            return false;
    return true;
}

static bool starts_with_wnid(const char *s)
{
    return is_wnid(s) && strchr(" \t", s[WNID_LENGTH]) != NULL; /* or the line's end */
}

/* Past a decimal number and the blanks behind it; NULL: there is none. */
static const char *past_number(const char *s)
{
    const char *p = s;
    while (isdigit((unsigned char)*p))
        p++;
    return p > s && (*p == ' ' || *p == '\t') ? p + strspn(p, " \t") : NULL;
}

static enum form tell_form(const char *line)
{
    const char *rest = past_number(line);
    if (rest != NULL && starts_with_wnid(rest))
        return FORM_INDEX;
    return starts_with_wnid(line) ? FORM_WNID : FORM_NAME;
}

static enum status add_entry(struct reading *r, struct entry e, const char *name, struct error *err)
{
    if (r->count == r->room) {
        size_t room = 2 * r->room + 64;
        struct entry *grown = reallocarray(r->entries, room, sizeof *grown);
        if (grown != NULL) {
            r->entries = grown;
            r->room = room;
        }
    }
    e.name = strdup(name);
    if (e.name == NULL || r->count == r->room) {
        free(e.name);
        free(e.wnid);
        return fail(err, E_NOMEM, "%s: no memory", r->path);
    }
    r->entries[r->count++] = e;
    return OK;
}

static enum status read_entry(struct reading *r, const char *line, struct error *err)
{
    static const char *const forms[] = { "index, WordNet id and name ('0 n01440764 tench')",
                                         "WordNet id and name ('n01440764 tench')", "a name" };
    struct entry e = { .index = (long)r->count };
    const char *rest = line;
    if (r->count == 0)
        r->form = tell_form(line);
    if (r->form == FORM_INDEX) {
        rest = past_number(line);
        e.index = strtol(line, NULL, 10);
    }
    if (r->form != FORM_NAME) {
        if (rest == NULL || !starts_with_wnid(rest))
            return fail(err, E_CONFIG, "%s:%d: '%.60s': should be %s, as the first line is",
                        r->path, r->line, line, forms[r->form]);
        e.wnid = strndup(rest, WNID_LENGTH);
        if (rest[WNID_LENGTH] != '\0') /* else the id is the name */
            rest += WNID_LENGTH + strspn(rest + WNID_LENGTH, " \t");
        if (e.wnid == NULL)
            return fail(err, E_NOMEM, "%s: no memory", r->path);
    }
    if (*rest == '\0' || e.index < 0 || e.index >= MOST_CLASSES) {
        free(e.wnid);
        return fail(err, E_CONFIG, "%s:%d: '%.60s': should be %s", r->path, r->line, line,
                    forms[r->form]);
    }
    return add_entry(r, e, rest, err);
}

static enum status read_lines(struct reading *r, FILE *f, struct error *err)
{
    char *line = NULL;
    size_t room = 0;
    enum status status = OK;
    ssize_t length;
    while (status == OK && (length = getline(&line, &room, f)) >= 0) {
        r->line++;
        if (memchr(line, '\0', (size_t)length) != NULL) {
            status = fail(err, E_CONFIG, "%s:%d: not a text file (a NUL byte)", r->path, r->line);
            break;
        }
        while (length > 0 && isspace((unsigned char)line[length - 1]))
            line[--length] = '\0';
        if (length == 0)
            r->blank = r->blank > 0 ? r->blank : r->line;
        else if (r->blank > 0) /* at the end they are common; here they would shift the indices */
            status =
                fail(err, E_CONFIG, "%s:%d: a blank line among class names", r->path, r->blank);
        else
            status = read_entry(r, line + strspn(line, " \t"), err);
    }
    if (status == OK && ferror(f))
        status = fail(err, E_CONFIG, "%s: cannot be read: %s", r->path, strerror(errno));
    free(line);
    return status;
}

/* Entries to their places: every index from 0 on, each once. */
static enum status place(struct reading *r, struct class_names *out, struct error *err)
{
    if (r->count == 0)
        return fail(err, E_CONFIG, "%s: no class names in it; one a line is expected", r->path);
    out->name = calloc(r->count, sizeof *out->name);
    out->wnid = calloc(r->count, sizeof *out->wnid);
    if (out->name == NULL || out->wnid == NULL)
        return fail(err, E_NOMEM, "%s: no memory", r->path);
    out->count = (int)r->count;
    for (size_t i = 0; i < r->count; i++) {
        struct entry *e = &r->entries[i];
        if (e->index >= out->count)
            return fail(err, E_CONFIG,
                        "%s: class %ld is named, but there are %d lines: the "
                        "classes 0 to %d are expected, each once",
                        r->path, e->index, out->count, out->count - 1);
        if (out->name[e->index] != NULL)
            return fail(err, E_CONFIG, "%s: class %ld is named twice", r->path, e->index);
        out->name[e->index] = e->name;
        out->wnid[e->index] = e->wnid;
        e->name = e->wnid = NULL;
    }
    return OK;
}

enum status class_names_read(const char *path, struct class_names *out, struct error *err)
{
    struct reading r = { .path = path };
    *out = (struct class_names){ 0 };
    FILE *f = fopen(path, "r");
    if (f == NULL)
        return fail(err, E_CONFIG, "%s: cannot read class names: %s", path, strerror(errno));
    enum status status = read_lines(&r, f, err);
    fclose(f);
    if (status == OK)
        status = place(&r, out, err);
    for (size_t i = 0; i < r.count; i++) {
        free(r.entries[i].name);
        free(r.entries[i].wnid);
    }
    free(r.entries);
    if (status != OK)
        class_names_free(out);
    return status;
}

enum status class_names_beside(const char *checkpoint, struct class_names *out, struct error *err)
{
    const char *slash = strrchr(checkpoint, '/');
    int folder = slash != NULL ? (int)(slash + 1 - checkpoint) : 0;
    char *path;
    *out = (struct class_names){ 0 };
    if (asprintf(&path, "%.*sclasses.txt", folder, checkpoint) < 0)
        return fail(err, E_NOMEM, "no memory for class names");
    enum status status = access(path, F_OK) == 0 ? class_names_read(path, out, err) : OK;
    free(path);
    return status;
}

void class_names_free(struct class_names *n)
{
    for (int i = 0; i < n->count; i++) {
        free(n->name[i]);
        free(n->wnid[i]);
    }
    free(n->name);
    free(n->wnid);
    *n = (struct class_names){ 0 };
}

const char *class_name(const struct class_names *n, int k, char buffer[32])
{
    if (n != NULL && k >= 0 && k < n->count)
        return n->name[k];
    snprintf(buffer, 32, "class %d", k);
    return buffer;
}

static int find_wnid(const struct class_names *n, const char *text)
{
    for (int k = 0; is_wnid(text) && k < n->count; k++)
        if (n->wnid[k] != NULL && strncmp(n->wnid[k], text, WNID_LENGTH) == 0)
            return k;
    return -1;
}

int class_of_path(const struct class_names *n, const char *path)
{
    const char *slash = strrchr(path, '/');
    int k = find_wnid(n, slash != NULL ? slash + 1 : path);
    if (k >= 0 || slash == NULL)
        return k;
    const char *folder = slash;
    while (folder > path && folder[-1] != '/')
        folder--;
    return slash - folder == WNID_LENGTH ? find_wnid(n, folder) : -1;
}
