#include "only.h"

#include <errno.h>
#include <stdio.h>
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
    size_t ids;      /* how many the file named */
};

/* ---- classes --------------------------------------------------------------------------------- */

static enum status keep_class(struct choice *c, int32_t label, const char *word, struct error *err)
{
    bool any = false;
    for (size_t i = 0; i < c->dataset->count; i++)
        if (c->dataset->labels[i] == label)
            any = c->keep[i] = true;
    if (any)
        return OK;
    return label == class_number(word)
               ? fail(err, E_CONFIG, "the data set has no image of class %s", word)
               : fail(err, E_CONFIG, "the data set has no image of class %.200s, whose index is %d",
                      word, (int)label);
}

/* A number means what it means in the data set: its folders or its list. */
static enum status class_of_number(const struct choice *c, struct class_index *index,
                                   int32_t number, int32_t *label, struct error *err)
{
    *label = number;
    if (c->dataset->numbers_are_ids || index->rule == CLASSES_BY_ILSVRC2012_ID)
        return class_index_by_id(index, number, label, err) == OK
                   ? OK
                   : fail_prefix(err, "%d is taken for an ILSVRC2012_ID, as in the data set: ",
                                 (int)number);
    return c->dataset->labels_are_numbers ? class_index_by_number(index, number, label, err) : OK;
}

static enum status keep_classes(struct choice *c, struct class_index *index, char *words,
                                struct error *err)
{
    enum status status = OK;
    char *rest = words;
    if (!c->dataset->has_labels)
        return fail(err, E_CONFIG,
                    "a data set of kind %s has no classes; a text file with an image's id a line "
                    "is wanted",
                    c->dataset->kind->name);
    for (char *word; status == OK && (word = strsep(&rest, ",")) != NULL;) {
        word += strspn(word, " \t");
        trim_end(word, strlen(word));
        int32_t number = class_number(word), label = -1;
        if (word[0] == '\0')
            status = fail(err, E_CONFIG, "an empty word; classes or a file are wanted");
        else if (number >= 0)
            status = class_of_number(c, index, number, &label, err);
        else
            status = class_index_by_call(index, word, &label, err);
        if (status == OK)
            status = keep_class(c, label, word, err);
    }
    return status;
}

/* ---- ids ------------------------------------------------------------------------------------- */

static const char wanted[] = "a text file with an image's id a line";

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
            c->ids++;
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
    TRY(text_lines(path, wanted, keep_id, c, err));
    return c->ids > 0 ? OK : fail(err, E_CONFIG, "%s: no ids in it; %s is wanted", path, wanted);
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

/* One word that is no number: the name of a file or of a class, and never of both. */
static enum status keep_word(struct choice *c, struct class_index *index, const char *only,
                             char *words, struct error *err)
{
    struct stat st;
    struct error own = { 0 };
    int32_t label;
    const char *reason = stat(only, &st) != 0 ? strerror(errno) : NULL;
    if (reason == NULL && S_ISDIR(st.st_mode))
        reason = "a folder";
    bool is_class = c->dataset->has_labels && class_index_by_call(index, only, &label, &own) == OK;
    if (reason == NULL && is_class && strchr(only, '/') == NULL)
        return fail(err, E_CONFIG,
                    "both a file here and a class; ./%.200s would be the file, %d the class", only,
                    (int)label);
    if (reason == NULL)
        return keep_ids(c, only, err);
    if (is_class)
        return keep_classes(c, index, words, err);
    if (!c->dataset->has_labels)
        return fail(err, E_CONFIG, "%.300s: %s; %s is wanted", only, reason, wanted);
    if (strpbrk(only, "/.") != NULL)
        return fail(err, E_CONFIG,
                    "%.300s: %s; %s is wanted, or classes (numbers, WordNet ids or names)", only,
                    reason, wanted);
    return fail(err, E_CONFIG, "neither a file that is there nor a class: %s", own.text);
}

static enum status keep_only(struct choice *c, const struct dataset_options *options,
                             const char *only, char *words, struct error *err)
{
    struct class_index index;
    class_index_open(options, &index);
    enum status status = class_number(only) < 0 && strchr(only, ',') == NULL
                             ? keep_word(c, &index, only, words, err)
                             : keep_classes(c, &index, words, err);
    class_index_close(&index);
    return status;
}

enum status dataset_only(struct dataset **dataset, const struct dataset_options *options,
                         const char *only, struct error *err)
{
    struct choice c = { .dataset = *dataset,
                        .keep = calloc((*dataset)->count + 1, sizeof *c.keep) };
    char *words = strdup(only);
    enum status status = OK;
    if (c.keep == NULL || words == NULL)
        status = fail(err, E_NOMEM, "no memory for %zu images", (*dataset)->count);
    else
        status = keep_only(&c, options, only, words, err);
    if (status == OK)
        status = take_part(dataset, c.keep, only, err);
    if (status == E_CONFIG && err != NULL)
        snprintf(err->key, sizeof err->key, "data.only");
    FREE_ALL(words, c.keep, c.by_name);
    return status;
}
