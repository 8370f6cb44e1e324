/* Which index of the model's head a class has that a data set names by a WordNet id, a folder or a
 * number. It is never guessed from the files that happen to be there: a list of the model's classes
 * determines it, or the user (data.classes), or it is an error.
 *
 * data.classes       what it says
 *   (not set)        classes.txt beside the checkpoint; else, for a head of 1,000, the classes of
 *                    ILSVRC2012. Numbers are indices: those of a list, and those of folders where
 *                    they are 0 to N - 1, one each. Folders 1 to 1000 are ILSVRC2012_IDs
 *   ilsvrc2012       the classes are those of ILSVRC2012
 *   a file           the classes, one a line (class_list.h)
 *   index            folders and labels are numbers: indices of the head
 *   ilsvrc2012_id    folders and labels are numbers: ILSVRC2012_IDs, which the devkit resolves
 *   folders          the classes are the folders in order of their names, as many as the head has
 */
#pragma once

#include "class_list.h"
#include "dataset_kind.h"
#include "synsets.h"

enum class_rule {
    CLASSES_UNSAID,
    CLASSES_LISTED,
    CLASSES_BY_INDEX,
    CLASSES_BY_ILSVRC2012_ID,
    CLASSES_BY_FOLDER
};

struct class_index {
    const struct dataset_options *options; /* borrowed */
    enum class_rule rule;
    struct class_list list; /* count 0 until it is wanted */
    struct synsets synsets; /* classes 0 until they are wanted */
    bool own_list;          /* of the model's classes, in an order that need not be the devkit's */
    bool numbers;           /* a label was given by a number */
};

void class_index_open(const struct dataset_options *, struct class_index *out);
void class_index_close(struct class_index *);

/* Names of the model's classes by the same rules, without a question asked: out->count 0 where
 * nothing names them (or head_classes is 0, and only ILSVRC2012 would). E_CONFIG: a list that
 * cannot be read. */
enum status class_index_names(const struct dataset_options *, struct class_list *out,
                              struct error *err);

/* The list of the model's classes. E_CONFIG where there is none, or one that does not fit. */
enum status class_index_list(struct class_index *, const struct class_list **out, struct error *);
/* Of a class by its WordNet id, or its name in the list. E_CONFIG: the list has no such class. */
enum status class_index_by_name(struct class_index *, const char *name, int32_t *out,
                                struct error *);
/* The same as a person calls it: by id, or by any of its names. */
enum status class_index_by_call(struct class_index *, const char *text, int32_t *out,
                                struct error *);
/* Of a class by a list's number. E_CONFIG: it is below data.label_base, or no ILSVRC2012_ID. */
enum status class_index_by_number(struct class_index *, int32_t number, int32_t *out,
                                  struct error *);
/* Of a class by its ILSVRC2012_ID, with the devkit. */
enum status class_index_by_id(struct class_index *, int32_t id, int32_t *out, struct error *);

/* A number of digits alone, up to INT32_MAX; -1: it is none. */
int32_t class_number(const char *text);

/* The file `name` of the devkit, which lies in its folder data/ or in the folder given; *path is
 * malloc'ed. */
enum status devkit_file(const char *devkit, const char *name, char **path, struct error *);
