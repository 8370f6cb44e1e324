#include "class_list.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "free_all.h"
#include "sizes.h"
#include "text_lines.h"

enum form { FORM_INDEX, FORM_WNID, FORM_NAME };
enum { MAX_CLASSES = 1000000 };

/* A line of the text, about one class. */
struct class_line {
    long index;
    char *wnid, *name;
};

struct reading {
    const char *source;
    size_t line; /* number of the last line that was taken */
    enum form form;
    struct class_line *lines;
    size_t count, room;
};

static bool starts_with_wnid(const char *s)
{
    if (s[0] != 'n')
        return false;
    for (int i = 1; i < WNID_LENGTH; i++)
        if (!isdigit((unsigned char)s[i]))
            return false;
    return strchr(" \t", s[WNID_LENGTH]) != NULL; /* or the text's end */
}

bool is_wnid(const char *text)
{
    return starts_with_wnid(text) && text[WNID_LENGTH] == '\0';
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

static enum status add_line(struct reading *r, struct class_line l, const char *name,
                            struct error *err)
{
    l.name = strdup(name);
    if (l.name == NULL || !grow_array(&r->lines, &r->room, r->count, sizeof *r->lines)) {
        FREE_ALL(l.name, l.wnid);
        return fail(err, E_NOMEM, "no memory for class names");
    }
    r->lines[r->count++] = l;
    return OK;
}

static enum status read_line(struct reading *r, const char *text, struct error *err)
{
    static const char *const forms[] = { "index, WordNet id and name ('0 n01440764 tench')",
                                         "WordNet id and name ('n01440764 tench')", "a name" };
    struct class_line l = { .index = (long)r->count };
    const char *rest = text;
    if (r->count == 0)
        r->form = tell_form(text);
    if (r->form == FORM_INDEX) {
        rest = past_number(text);
        l.index = strtol(text, NULL, 10);
    }
    if (r->form != FORM_NAME) {
        if (rest == NULL || !starts_with_wnid(rest))
            return fail(err, E_CONFIG, "'%.60s': should be %s, as the first line is", text,
                        forms[r->form]);
        l.wnid = strndup(rest, WNID_LENGTH);
        if (rest[WNID_LENGTH] != '\0') /* else the id is the name */
            rest += WNID_LENGTH + strspn(rest + WNID_LENGTH, " \t");
        if (l.wnid == NULL)
            return fail(err, E_NOMEM, "no memory for class names");
    }
    if (*rest == '\0' || l.index < 0 || l.index >= MAX_CLASSES) {
        free(l.wnid);
        return fail(err, E_CONFIG, "'%.60s': should be %s", text, forms[r->form]);
    }
    return add_line(r, l, rest, err);
}

static enum status take_class(void *context, char *line, size_t number, struct error *err)
{
    struct reading *r = context;
    if (number > r->line + 1) /* at the end they are common; here they would shift the indices */
        return fail(err, E_CONFIG, "a blank line before this, among class names");
    r->line = number;
    return read_line(r, line, err);
}

struct keyed {
    const char *key;
    int index;
};

static int by_key(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    int order = strcmp(x->key, y->key);
    return order != 0 ? order : (x->index > y->index) - (x->index < y->index);
}

/* A WordNet id stands for one class. Names may be equal: ImageNet has two cranes. */
static enum status check_unique(const struct class_list *list, struct error *err)
{
    struct keyed *keys = calloc((size_t)list->count, sizeof *keys);
    enum status status = OK;
    int n = 0;
    if (keys == NULL)
        return fail(err, E_NOMEM, "%s: no memory for class names", list->source);
    for (int i = 0; i < list->count; i++)
        if (list->wnid[i] != NULL)
            keys[n++] = (struct keyed){ list->wnid[i], i };
    qsort(keys, (size_t)n, sizeof *keys, by_key);
    for (int i = 1; i < n && status == OK; i++)
        if (strcmp(keys[i - 1].key, keys[i].key) == 0)
            status = fail(err, E_CONFIG, "%s: the classes %d and %d both are %s", list->source,
                          keys[i - 1].index, keys[i].index, keys[i].key);
    free(keys);
    return status;
}

/* Puts lines in their places: every index from 0 on, each once. */
static enum status place(struct reading *r, struct class_list *out, struct error *err)
{
    if (r->count == 0)
        return fail(err, E_CONFIG, "%s: no class names in it; one a line is expected", r->source);
    out->name = calloc(r->count, sizeof *out->name);
    out->wnid = calloc(r->count, sizeof *out->wnid);
    out->source = strdup(r->source);
    if (out->name == NULL || out->wnid == NULL || out->source == NULL)
        return fail(err, E_NOMEM, "%s: no memory for class names", r->source);
    out->count = (int)r->count;
    for (size_t i = 0; i < r->count; i++) {
        struct class_line *l = &r->lines[i];
        if (l->index >= out->count)
            return fail(err, E_CONFIG,
                        "%s: class %ld is named, but there are %d lines: the "
                        "classes 0 to %d are expected, each once",
                        r->source, l->index, out->count, out->count - 1);
        if (out->name[l->index] != NULL)
            return fail(err, E_CONFIG, "%s: class %ld is named twice", r->source, l->index);
        out->name[l->index] = l->name;
        out->wnid[l->index] = l->wnid;
        l->name = l->wnid = NULL;
    }
    return check_unique(out, err);
}

static enum status read_stream(FILE *f, const char *source, struct class_list *out,
                               struct error *err)
{
    struct reading r = { .source = source };
    enum status status = text_lines_of(f, source, take_class, &r, err);
    if (status == OK)
        status = place(&r, out, err);
    for (size_t i = 0; i < r.count; i++) {
        FREE_ALL(r.lines[i].name, r.lines[i].wnid);
    }
    free(r.lines);
    if (status != OK)
        class_list_free(out);
    return status;
}

enum status class_list_read(const char *path, struct class_list *out, struct error *err)
{
    struct stat st;
    *out = (struct class_list){ 0 };
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return fail(err, E_CONFIG, "%s: not a file; a text file of class names is wanted", path);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return fail(err, E_CONFIG, "%s: cannot read class names: %s", path, strerror(errno));
    enum status status = read_stream(f, path, out, err);
    fclose(f);
    return status;
}

enum status class_list_parse(const char *text, const char *source, struct class_list *out,
                             struct error *err)
{
    *out = (struct class_list){ 0 };
    /* "r" never writes */
    FILE *f = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    if (f == NULL)
        return fail(err, E_NOMEM, "%s: no memory for class names", source);
    enum status status = read_stream(f, source, out, err);
    fclose(f);
    return status;
}

enum status class_list_beside(const char *checkpoint, struct class_list *out, struct error *err)
{
    const char *slash = strrchr(checkpoint, '/');
    int folder = slash != NULL ? (int)(slash + 1 - checkpoint) : 0;
    struct stat st;
    char *path;
    *out = (struct class_list){ 0 };
    if (asprintf(&path, "%.*sclasses.txt", folder, checkpoint) < 0)
        return fail(err, E_NOMEM, "no memory for class names");
    enum status status = stat(path, &st) == 0 ? class_list_read(path, out, err) : OK;
    free(path);
    return status;
}

void class_list_free(struct class_list *list)
{
    for (int i = 0; i < list->count; i++) {
        FREE_ALL(list->name[i], list->wnid[i]);
    }
    FREE_ALL(list->name, list->wnid, list->source);
    *list = (struct class_list){ 0 };
}

const char *class_list_name(const struct class_list *list, int k, char buffer[32])
{
    if (list != NULL && k >= 0 && k < list->count)
        return list->name[k];
    snprintf(buffer, 32, "class %d", k);
    return buffer;
}

/* The class whose WordNet id the text begins with. */
static int find_prefix(const struct class_list *list, const char *text)
{
    for (int k = 0; k < list->count; k++)
        if (list->wnid[k] != NULL && strncmp(list->wnid[k], text, WNID_LENGTH) == 0)
            return k;
    return -1;
}

int class_list_of_path(const struct class_list *list, const char *path)
{
    const char *slash = strrchr(path, '/');
    int k = find_prefix(list, slash != NULL ? slash + 1 : path);
    if (k >= 0 || slash == NULL)
        return k;
    const char *folder = slash;
    while (folder > path && folder[-1] != '/')
        folder--;
    return slash - folder == WNID_LENGTH ? find_prefix(list, folder) : -1;
}

int class_list_find(const struct class_list *list, const char *text)
{
    int found = -1;
    for (int k = 0; k < list->count; k++) {
        if (strcmp(list->wnid[k] != NULL ? list->wnid[k] : list->name[k], text) != 0)
            continue;
        if (list->wnid[k] != NULL)
            return k;
        if (found >= 0)
            return CLASS_NAMED_TWICE;
        found = k;
    }
    return found;
}

/* Whether a class has this name: its whole name, or one of several that are separated by ", ". */
static bool is_called(const char *name, const char *text)
{
    size_t length = strlen(text);
    if (strcasecmp(name, text) == 0)
        return true;
    for (const char *at = name; at != NULL; at = strchr(at, ',')) {
        at += strspn(at, ", ");
        if (strncasecmp(at, text, length) == 0 && (at[length] == '\0' || at[length] == ','))
            return true;
    }
    return false;
}

int class_list_called(const struct class_list *list, const char *text, int *first)
{
    int count = 0;
    *first = class_list_find(list, text);
    if (*first >= 0)
        return 1;
    *first = -1;
    for (int k = 0; k < list->count; k++)
        if (is_called(list->name[k], text) && count++ == 0)
            *first = k;
    return count;
}
