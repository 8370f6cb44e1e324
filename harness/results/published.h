/* Published figures, read from results/published/ (each file names its source). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "status.h"

struct published_entry {
    char kind[16];             /* "perturbation", "segmentation", "model", "dataset" */
    char name[32];             /* architecture, or kind of data set */
    char method[32];           /* "" for models and data sets */
    char variant[32];          /* "" or the one [explain] key that differs, "aggregate=max" */
    int table;                 /* number of the paper's table; 0: none */
    double positive, negative; /* AUC, percent; NaN where not given, like all values below */
    double pixel_accuracy, map, miou; /* percent */
    double top1;                      /* percent */
    double images;                    /* of the whole data set */
    double image_size, heads;         /* of a model: pixels a side; heads of a ViT's attention */
    char file[64];                    /* part of the released file's name */
    double bytes;                     /* of a data set's file */
    char fingerprint[65];             /* of a data set, as evalh takes it; "": not known */
    char sha256[65];                  /* first digits of its hash; "": none was published */
    char arch[8];                     /* of a model: "vim", "vit" */
    char norm[12];   /* mean and std in training: "imagenet", "half", "clip" or "none" */
    char resize[32]; /* preprocessing of the published accuracy: "256 to 224 bicubic" */
};

struct published {
    struct published_entry *entry;
    size_t entries;
};

enum { PUBLISHED_PATH = 4096 };

/* The directory of the figures: EVALH_PUBLISHED, else the installed one (relative to the program,
 * then by the prefix), else the source tree's. Never NULL; may use `path` as memory. */
const char *published_directory(char path[PUBLISHED_PATH]);

/* E_CONFIG names file and line. */
enum status published_load(const char *directory, struct published *out, struct error *err);
void published_free(struct published *);

/* NULL: nothing was published. */
const struct published_entry *published_find(const struct published *, const char *kind,
                                             const char *name, const char *method,
                                             const char *variant);

/* How a checkpoint was recognised as a published one. */
enum weights_known {
    WEIGHTS_UNKNOWN,
    WEIGHTS_BY_NAME, /* by its file name alone: the release names no hash */
    WEIGHTS_BY_HASH
};

/* Finds the published checkpoint with this file's SHA-256 (hex), or with its name where no hash was
 * published; shapes never decide. `file`: a path or a name. NULL: it is none of them. */
const struct published_entry *published_weights(const struct published *, const char *sha256,
                                                const char *file, enum weights_known *how);

/* Top-1 that a checkpoint reaches at least (percent), from what was published of it on ImageNet's
 * validation images; `eval`: with the preprocessing of that figure, else with the tests' own, which
 * may cost a tenth. NaN: nothing is known of this model on this data set. */
double published_top1(const struct published_entry *, const char *dataset_kind, bool eval);

/* What a model is, in words: "deit_small, known by its hash", or "vit, width 384, 12 layers,
 * weights unknown". `entry` and `how` as published_weights gives them. */
void published_title(const struct published_entry *entry, enum weights_known how, const char *arch,
                     int width, int depth, char *out, size_t size);
