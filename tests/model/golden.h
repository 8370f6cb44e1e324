/* Reading ../shared/golden (see its README) for the tests that compare evalh with its numbers. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "model.h"

/* The folder shared/: $EVALH_SHARED, else the one beside the checkout; NULL where there is none. */
const char *golden_shared(const char *source_root);

/* True, after printing the reason, where the backend needs a device that this machine lacks. */
bool golden_no_device(const char *backend);

/* A program that compares one backend with golden/models.h5, model by model. */
struct golden_test {
    const char *root, *shared;  /* source root; NULL where there is no shared/ */
    const char *backend, *only; /* only: the model that was asked for; NULL: all */
    long long file;
    int passed, failed;
};
/* Reads [--backend NAME] [--model NAME] SOURCE_ROOT. */
struct golden_test golden_arguments(int argc, char **argv);
/* Reads the same and opens the file. Returns 0, or the exit code to
 * end with: 77 where shared/golden or the device is missing, after a line that says that `what`
 * (such as "models were") not compared. */
int golden_begin(struct golden_test *, int argc, char **argv, const char *what);
/* Prints the counts. Returns the exit code. */
int golden_end(struct golden_test *);
/* A line "ok" or "FAILED" with the backend and this text, and counts it. */
void golden_report(struct golden_test *, bool ok, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* golden_report of an error, relative to what is compared. A NaN fails. */
void golden_judge(struct golden_test *, const char *what, double error, double allowed);

typedef void golden_visit(const char *name, void *arg);
/* Calls visit with the name of every member of a group, in the order of names. */
void golden_each(long long file, const char *group, golden_visit *visit, void *arg);
/* The names of a group's members, at most `most` of them, each malloc'ed. Returns how many. */
int golden_names(long long file, const char *group, char **names, int most);
/* The main function of a program that checks every model of golden/models.h5: golden_begin, visit
 * with each model's name, golden_end. It leaves out models other than the one that --model names
 * and, on the naive reference backends, where none is named, those of full size, which take
 * minutes. */
int golden_main(struct golden_test *, int argc, char **argv, const char *what, golden_visit *visit);

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
