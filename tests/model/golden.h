/* Reading ../shared/golden (see its README) for the tests that hold evalh to it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "model.h"

/* Folder shared/, or NULL: EVALH_SHARED, or beside the checkout. */
const char *golden_shared(const char *source_root);

/* True, and the reason printed, where the backend wants a device that this machine has not. */
bool golden_no_device(const char *backend);

/* A program that holds one backend to golden/models.h5, model by model. */
struct golden_test {
    const char *shared, *backend, *only; /* only: the model that was asked for; NULL: all */
    long long file;
    int passed, failed;
};
/* Reads [--backend NAME] [--model NAME] SOURCE_ROOT and opens the file. 0, or the exit code to end
 * with: 77 where shared/golden or the device is missing, which is printed: `what` was not held. */
int golden_begin(struct golden_test *, int argc, char **argv, const char *what);
/* False for the models that were not asked for, and for the full-size ones where nothing was: the
 * naive reference takes minutes on them. */
bool golden_wanted(const struct golden_test *, const char *model);
/* Prints the counts. Returns the exit code. */
int golden_end(struct golden_test *);

/* A dataset of doubles, or NULL where there is none; *count elements. malloc'ed. */
double *golden_read(long long file, const char *path, size_t *count);
int golden_attribute(long long file, const char *group, const char *name);

/* "vim_micro" -> the model of golden/vim_micro.{pth,safetensors} with the group's attributes. */
enum status golden_model(const char *shared, long long file, const char *name, struct model **out,
                         struct error *err);
/* golden/images/NAME, stretched to the model's side. malloc'ed [S, S, 3]. */
unsigned char *golden_image(const char *shared, const char *name, int side, struct error *err);

/* max |a - b|, and max |b|. */
double golden_error(const float *a, const double *b, size_t count, double *size);
