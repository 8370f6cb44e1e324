/* The classes of evalh explain: their names, and the one to explain. */
#pragma once

#include "explain_figure.h"

enum { CHOICE_PREDICTED = -1, CHOICE_TARGET = -2 }; /* else a class index */

/* Reads names from the file `names`, whose number must fit; or, where that is NULL, from the
 * classes.txt beside the checkpoint if it has one name for each class; or takes ImageNet's for a
 * thousand classes. E_CONFIG, E_NOMEM. */
enum status explain_names(struct explain_figure *, const char *names, const char *checkpoint,
                          struct error *err);

/* Reads --class: "predicted", "target", an index, a WordNet id, a name or one of the names of a
 * class ("great white shark", in any case). Call it after explain_names. E_CONFIG says what would
 * be accepted. */
enum status explain_choose_class(const struct explain_figure *, const char *text, int *choice,
                                 struct error *err);

/* The class to explain for the image at `path`: the one chosen, or the one that the path names.
 * E_CONFIG. */
enum status explain_class_of(const struct explain_figure *, int choice, const char *path, int *out,
                             struct error *err);
