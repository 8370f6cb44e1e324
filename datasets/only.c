#include "only.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "class_index.h"
#include "dataset_view.h"
#include "files.h"
#include "free_all.h"
#include "sha256.h"
#include "text_lines.h"

/* The images that stay. */
struct choice {
    const struct dataset *dataset;
    bool *keep;      /* [dataset->count] */
    size_t *by_name; /* [dataset->count] images in order of their ids; of a file of ids */
};

/* ---- classes --------------------------------------------------------------------------------- */

static enum status keep_class(struct choice *c, int32_t label, const char *word, struct error *err)
{
    bool any = false;
    for (size_t i = 0; i < c->dataset->count; i++)
        if (c->dataset->labels[i] == label)
            any = c->keep[i] = true;
    return any ? OK : fail(err, E_CONFIG, "data.only: the data set has no image of class %s", word);
}

static enum status keep_classes(struct choice *c, const struct dataset_options *options,
                                char *words, struct error *err)
{
    struct class_index index;
    enum status status = OK;
    char *rest = words;
    if (!c->dataset->has_labels)
        return fail(err, E_CONFIG,
                    "data.only: a data set of kind %s has no classes; a text file with an image's "
                    "id a line is wanted",
                    c->dataset->kind->name);
    class_index_open(options, &index);
    for (char *word; status == OK && (word = strsep(&rest, ",")) != NULL;) {
        word += strspn(word, " \t");
        trim_end(word, strlen(word));
        int32_t label = class_number(word);
        if (word[0] == '\0')
            status = fail(err, E_CONFIG, "data.only: an empty word; classes or a file are wanted");
        else if (label < 0)
            status = class_index_by_name(&index, word, &label, err);
        if (status == OK)
            status = keep_class(c, label, word, err);
    }
    class_index_close(&index);
    return status;
}

/* ---- ids ------------------------------------------------------------------------------------- */

static int by_id(const void *a, const void *b, void *ids)
{
    char **names = ids;
    return strcmp(names[*(const size_t *)a], names[*(const size_t *)b]);
}

static enum status keep_id(void *choice, char *line, size_t number, struct error *err)
{
    struct choice *c = choice;
    size_t low = 0, high = c->dataset->count;
    (void)number;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(c->dataset->ids[c->by_name[middle]], line);
        if (order == 0) {
            c->keep[c->by_name[middle]] = true;
            return OK;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return line[0] == '#' ? OK
                          : fail(err, E_CONFIG, "the data set has no image '%.300s', but '%.200s'",
                                 line, c->dataset->ids[0]);
}

static enum status keep_ids(struct choice *c, const char *path, struct error *err)
{
    c->by_name = calloc(c->dataset->count + 1, sizeof *c->by_name);
    if (c->by_name == NULL)
        return fail(err, E_NOMEM, "no memory for the ids of %zu images", c->dataset->count);
    for (size_t i = 0; i < c->dataset->count; i++)
        c->by_name[i] = i;
    qsort_r(c->by_name, c->dataset->count, sizeof *c->by_name, by_id, c->dataset->ids);
    return text_lines(path, "a text file with an image's id a line", keep_id, c, err);
}

/* ---- the part -------------------------------------------------------------------------------- */

/* A part is another set than the whole: over the whole's fingerprint and the ids that stay. */
static void part_fingerprint(struct dataset *part)
{
    struct sha256 hash;
    sha256_begin(&hash);
    sha256_add(&hash, part->fingerprint, sizeof part->fingerprint);
    for (size_t i = 0; i < part->count; i++)
        sha256_add(&hash, part->ids[i], strlen(part->ids[i]) + 1);
    sha256_end(&hash, part->fingerprint);
}

static enum status take_part(struct dataset **dataset, const bool *keep, const char *only,
                             struct error *err)
{
    size_t *indices = calloc((*dataset)->count + 1, sizeof *indices), count = 0;
    size_t whole = (*dataset)->count;
    if (indices == NULL)
        return fail(err, E_NOMEM, "no memory for %zu images", whole);
    for (size_t i = 0; i < whole; i++)
        if (keep[i])
            indices[count++] = i;
    struct dataset *inner = *dataset;
    *dataset = NULL;
    TRY(dataset_view(inner, indices, count, dataset, err));
    struct dataset *part = *dataset;
    char *text = text_format("%s; %zu of them (data.only = %s)", part->description, count, only);
    if (text == NULL)
        return fail(err, E_NOMEM, "no memory for a data set");
    free(part->description);
    part->description = text;
    part_fingerprint(part);
    return OK;
}

enum status dataset_only(struct dataset **dataset, const struct dataset_options *options,
                         const char *only, struct error *err)
{
    struct stat st;
    struct choice c = { .dataset = *dataset,
                        .keep = calloc((*dataset)->count + 1, sizeof *c.keep) };
    char *words = strdup(only);
    enum status status = OK;
    if (c.keep == NULL || words == NULL)
        status = fail(err, E_NOMEM, "no memory for %zu images", (*dataset)->count);
    else if (class_number(only) < 0 && strchr(only, ',') == NULL && stat(only, &st) == 0 &&
             !S_ISDIR(st.st_mode))
        status = keep_ids(&c, only, err);
    else
        status = keep_classes(&c, options, words, err);
    if (status == OK)
        status = take_part(dataset, c.keep, only, err);
    FREE_ALL(words, c.keep, c.by_name);
    return status;
}
