#include "export_choice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "free_all.h"
#include "log.h"
#include "open_file.h"
#include "pictures.h"
#include "quote.h"
#include "suggest.h"

/* ---- images ---------------------------------------------------------------------------------- */

/* Marks the image; E_CONFIG where it has no maps. */
static enum status mark(const struct result *r, const char *id, bool *wanted, struct error *err)
{
    size_t i = 0;
    while (i < r->images && strcmp(r->id[i], id) != 0)
        i++;
    if (i == r->images)
        return fail(err, E_CONFIG, "--images: %s has no image %s; its first is %s", r->path,
                    quote(id).text, r->images > 0 ? quote(r->id[0]).text : "missing");
    if (r->status[i] != 0)
        return fail(err, E_CONFIG, "--images: %s was left out of the run and has no maps",
                    quote(id).text);
    wanted[i] = true;
    return OK;
}

static enum status mark_lines(const struct result *r, const char *path, bool *wanted,
                              struct error *err)
{
    char *line = NULL;
    size_t room = 0;
    FILE *f;
    if (open_file(path, "a list of images", &f, err) != OK)
        return fail_prefix(err, "--images: ");
    enum status status = OK;
    while (status == OK && getline(&line, &room, f) >= 0) {
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0] != '\0')
            status = mark(r, line, wanted, err);
    }
    free(line);
    fclose(f);
    return status;
}

static enum status mark_words(const struct result *r, const char *text, bool *wanted,
                              struct error *err)
{
    char *words = strdup(text), *rest = words, *word;
    enum status status = words != NULL ? OK : fail(err, E_NOMEM, "out of memory");
    while (status == OK && (word = strtok_r(rest, ",", &rest)) != NULL)
        status = mark(r, word + strspn(word, " "), wanted, err);
    free(words);
    return status;
}

static enum status mark_wanted(const struct export_choice *c, const struct result *r, bool *wanted,
                               struct error *err)
{
    struct stat about;
    for (size_t i = 0; c->images == NULL && i < r->images; i++)
        wanted[i] = r->status[i] == 0;
    if (c->images == NULL)
        return OK;
    return stat(c->images, &about) == 0 && S_ISREG(about.st_mode)
               ? mark_lines(r, c->images, wanted, err)
               : mark_words(r, c->images, wanted, err);
}

enum status export_rows_list(const struct export_choice *c, const struct result *r,
                             struct export_rows *out, struct error *err)
{
    bool *wanted = calloc(r->images + 1, sizeof *wanted);
    *out = (struct export_rows){ .row = calloc(r->images + 1, sizeof *out->row),
                                 .id = calloc(r->images + 1, sizeof *out->id) };
    enum status status = wanted != NULL && out->row != NULL && out->id != NULL
                             ? mark_wanted(c, r, wanted, err)
                             : fail(err, E_NOMEM, "out of memory");
    size_t scored = 0;
    for (size_t i = 0; status == OK && i < r->images; i++) {
        scored += r->status[i] == 0;
        if (wanted[i]) {
            out->row[out->count] = i;
            out->id[out->count++] = r->id[i];
        }
    }
    free(wanted);
    TRY(status);
    if (out->count == 0)
        return fail(err, E_DATA, "%s: no image was scored, so that there are no maps", r->path);
    if (scored < r->images)
        log_info("%zu of %zu images were left out of the run and have no maps", r->images - scored,
                 r->images);
    return OK;
}

void export_rows_free(struct export_rows *rows)
{
    FREE_ALL(rows->row, rows->id);
    *rows = (struct export_rows){ 0 };
}

/* ---- methods and classes --------------------------------------------------------------------- */

bool export_method_wanted(const struct export_choice *c, const char *method)
{
    size_t length = strlen(method);
    const char *at = c->methods;
    if (at == NULL)
        return true;
    for (; (at = strstr(at, method)) != NULL; at += length)
        if ((at == c->methods || strchr(", ", at[-1]) != NULL) &&
            (at[length] == '\0' || strchr(", ", at[length]) != NULL))
            return true;
    return false;
}

/* The maps of a method that go into the first file and, beside them, into the second; NULL: none.
 * What does not look at the class has one for both. */
static void find_maps(const struct export_choice *c, const struct result *r, const char *method,
                      const struct result_map **first, const struct result_map **second)
{
    const struct result_map *predicted = result_find_map(r, method, EXPLAINED_PREDICTED);
    const struct result_map *target = result_find_map(r, method, EXPLAINED_TARGET);
    const struct result_map *any = predicted != NULL ? predicted : target;
    bool agnostic = any != NULL && any->agnostic;
    *second = NULL;
    if (agnostic || (c->class == NULL && (predicted == NULL || target == NULL))) {
        *first = any;
    } else if (c->class != NULL) {
        *first = strcmp(c->class, "target") == 0 ? target : predicted;
    } else {
        *first = predicted;
        *second = target;
    }
}

enum status export_methods_check(const struct export_choice *c, const struct result *r,
                                 struct error *err)
{
    const char *names[64] = { NULL };
    char list[500], *words, *rest;
    size_t count = 0;
    for (size_t i = 0; i < r->maps && count < 64; i++)
        if (i == 0 || strcmp(r->map[i].method, r->map[i - 1].method) != 0)
            names[count++] = r->map[i].method;
    join_words(list, sizeof list, names, count);
    if (count == 0)
        return fail(err, E_DATA, "%s has no maps", r->path);
    words = rest = strdup(c->methods != NULL ? c->methods : "");
    enum status status = words != NULL ? OK : fail(err, E_NOMEM, "out of memory");
    for (char *w; status == OK && (w = strtok_r(rest, ", ", &rest)) != NULL;) {
        size_t k = 0;
        while (k < count && strcmp(names[k], w) != 0)
            k++;
        if (k == count)
            status = fail(err, E_CONFIG, "--methods: %s has no maps of '%s'; it has those of %s",
                          r->path, w, list);
    }
    free(words);
    for (size_t i = 0; status == OK && i < count; i++) {
        const struct result_map *first, *second;
        find_maps(c, r, names[i], &first, &second);
        if (first == NULL && export_method_wanted(c, names[i]))
            status = fail(err, E_CONFIG, "--class %s: %s has no maps of '%s' for that class",
                          c->class, r->path, names[i]);
    }
    return status;
}

/* ---- maps ------------------------------------------------------------------------------------ */

/* Each map as heat of another side, in place of *maps. */
static enum status scale(size_t count, int from, int to, float **maps, struct error *err)
{
    size_t cells = (size_t)from * (size_t)from, pixels = (size_t)to * (size_t)to;
    float *heat = calloc(count, pixels * sizeof *heat);
    enum status status =
        heat != NULL ? OK : fail(err, E_NOMEM, "no memory for %zu maps of %d x %d", count, to, to);
    for (size_t i = 0; status == OK && i < count; i++)
        status = pictures_heat(*maps + i * cells, from, to, heat + i * pixels, err);
    free(*maps);
    *maps = heat;
    return status;
}

/* The maps of the rows, one behind the other; *out NULL where m is. */
static enum status read_rows(const struct export_choice *c, const struct result *r,
                             const struct result_map *m, const struct export_rows *rows,
                             float **out, struct error *err)
{
    *out = NULL;
    if (m == NULL)
        return OK;
    size_t cells = (size_t)m->grid * (size_t)m->grid;
    TRY(result_read_maps(r, m, out, err));
    for (size_t i = 0; i < rows->count; i++)
        memmove(*out + i * cells, *out + rows->row[i] * cells, cells * sizeof **out);
    return c->side > 0 ? scale(rows->count, m->grid, c->side, out, err) : OK;
}

enum status export_maps_read(const struct export_choice *c, const struct result *r,
                             const struct export_rows *rows, const char *method,
                             struct export_maps *out, struct error *err)
{
    const struct result_map *first, *second;
    find_maps(c, r, method, &first, &second);
    *out = (struct export_maps){ .side = (size_t)(c->side > 0 ? c->side : first->grid) };
    enum status status = read_rows(c, r, first, rows, &out->map, err);
    if (status == OK)
        status = read_rows(c, r, second, rows, &out->target, err);
    if (status != OK)
        export_maps_free(out);
    return status;
}

void export_maps_free(struct export_maps *m)
{
    FREE_ALL(m->map, m->target);
    *m = (struct export_maps){ 0 };
}
