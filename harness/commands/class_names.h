/* Names of classes, from a text file. */
#pragma once

#include <stddef.h>

#include "status.h"

struct class_names {
    int count;
    char **name; /* [count] */
    char **wnid; /* [count] "n01440764"; NULL entries without */
};

/* One class a line, in any of three forms, told by the first line:
 *     0 n01440764 tench      index, WordNet id, name; every index from 0 on once, in any order
 *     n01440764 tench        WordNet id, name; the index is the line's (synset_words.txt)
 *     tench                  the name; the index is the line's
 * E_CONFIG names file and line. */
enum status class_names_read(const char *path, struct class_names *out, struct error *err);
/* The same from "classes.txt" in a checkpoint's folder; count 0 where there is none. */
enum status class_names_beside(const char *checkpoint, struct class_names *out, struct error *err);
void class_names_free(struct class_names *);

/* "tench", or "class 7" into `buffer` where there are no names (n NULL or empty). */
const char *class_name(const struct class_names *n, int k, char buffer[32]);

/* The class that a path tells as ImageNet's do: its folder, or the beginning of its file name, is a
 * WordNet id ("n01484850/x.jpg", "n01484850_great_white_shark.jpg"). -1: it does not. */
int class_of_path(const struct class_names *, const char *path);
