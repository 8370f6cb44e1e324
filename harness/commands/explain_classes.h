/* Classes of evalh explain: their names, and the one that is to be explained. */
#pragma once

#include "explain_figure.h"

enum { CHOICE_PREDICTED = -1, CHOICE_TARGET = -2 }; /* else a class index */

/* Names from the file `names`, which must do; or (NULL) from the classes.txt beside the checkpoint
 * where they are as many as the classes; or ImageNet's for a thousand classes. E_CONFIG, E_NOMEM.
 */
enum status explain_names(struct explain_figure *, const char *names, const char *checkpoint,
                          struct error *err);

/* What --class says: "predicted", "target", an index, a WordNet id, a name or one of the names of a
 * class ("great white shark", in any case). After explain_names. E_CONFIG says what would do. */
enum status explain_choose_class(const struct explain_figure *, const char *text, int *choice,
                                 struct error *err);

/* The class of the image at `path`: that choice, or the one that the path tells. E_CONFIG. */
enum status explain_class_of(const struct explain_figure *, int choice, const char *path, int *out,
                             struct error *err);
