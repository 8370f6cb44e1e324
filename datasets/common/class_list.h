/* The classes of a model's head, in order of their index. */
#pragma once

#include <stdbool.h>

#include "status.h"

struct class_list {
    int count;
    char **name;  /* [count] */
    char **wnid;  /* [count] WordNet id, "n01440764"; NULL entries without */
    char *source; /* where the list is from: a path, "ILSVRC2012"; for messages */
};

/* Reads one class per line, in one of three forms, which the first line determines:
 *     0 n01440764 tench      index, WordNet id, name; every index from 0 on once, in any order
 *     n01440764 tench        WordNet id, name; the index is the line's (synset_words.txt)
 *     tench                  the name; the index is the line's
 * E_CONFIG names file and line. */
enum status class_list_read(const char *path, struct class_list *out, struct error *err);
/* The same for text in memory, which is not changed; `source` stands for the path. */
enum status class_list_parse(const char *text, const char *source, struct class_list *out,
                             struct error *err);
/* The same from "classes.txt" in a checkpoint's folder; count 0 where there is none. */
enum status class_list_beside(const char *checkpoint, struct class_list *out, struct error *err);
void class_list_free(struct class_list *);

/* The index of the class with this WordNet id, or, where the list has none, with this name;
 * CLASS_NAMED_TWICE: two classes bear the name; -1: none does. */
enum { CLASS_NAMED_TWICE = -2 };
int class_list_find(const struct class_list *, const char *text);
/* How many classes are called so by a person, and the first of them, or -1: by WordNet id, else by
 * name, or by one of several names with commas between them, in any case. */
int class_list_called(const struct class_list *, const char *text, int *first);

/* "tench", or "class 7" into `buffer` where there are no names (list NULL or empty). */
const char *class_list_name(const struct class_list *, int k, char buffer[32]);

/* The class that a path names as ImageNet's paths do: its folder, or the beginning of its file
 * name, is a WordNet id ("n01484850/x.jpg", "n01484850_great_white_shark.jpg"). -1: it does not. */
int class_list_of_path(const struct class_list *, const char *path);

/* nXXXXXXXX, and nothing after it. */
enum { WNID_LENGTH = 9 };
bool is_wnid(const char *text);
