/* The devkit's meta.mat (MATLAB 5, as MATLAB saves it with -v6 or -v7): which class an
 * ILSVRC2012_ID is.
 *
 * It holds a struct array `synsets`, one element a synset, with fields among which are
 * ILSVRC2012_ID (a number from 1), WNID ("nXXXXXXXX") and num_children. The leaves of the tree are
 * the classes; a class's index is the rank of its WNID among them (SPEC 9). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct synset_wnid {
    char text[32]; /* "nXXXXXXXX" */
};

struct synsets {
    int32_t *class_of;         /* [ids]: class index of ILSVRC2012_ID i, -1 where that is no leaf */
    struct synset_wnid *wnids; /* [classes], in order of their index */
    size_t ids;                /* the largest ID + 1 */
    size_t classes;
};

/* E_CONFIG names the file and what it lacks. */
enum status synsets_read(const char *path, struct synsets *out, struct error *err);
/* The same of a file in memory; `name` for messages. */
enum status synsets_parse(const uint8_t *bytes, size_t size, const char *name, struct synsets *out,
                          struct error *err);
void synsets_free(struct synsets *);
