/* The interface of data sets and their kinds. datasets/dataset.h opens and loads them. */
#pragma once

#include <stdbool.h>

#include "image.h"
#include "sha256.h"

/* The order of ImageNet-Segmentation's arrays in their file: by columns ([W, H]), as MATLAB stores
 * them, or by rows. */
enum array_order { ORDER_AUTO, ORDER_WH, ORDER_HW };
extern const char *const array_order_names[]; /* "auto", "wh", "hw", NULL */

struct dataset_options {
    const char *kind;   /* "imagenet", "imagenet_list", "imagenet_tar", "demo", ... */
    const char *path;   /* folder, list file, .tar, .mat; demo: the folder it is written under, once
                         */
    const char *root;   /* of a list's relative names; NULL: the list's own folder */
    const char *labels; /* of a tar or a flat folder: a text list of 'file label' lines, or the
                           devkit's ILSVRC2012_validation_ground_truth.txt; NULL: the latter, from
                           the devkit */
    const char *devkit; /* the devkit's folder, or its meta.mat; needed where labels is no list */
    const char *classes;    /* the model's classes: "ilsvrc2012" or a file of class names; or
                               what numbers mean: "index", "ilsvrc2012_id", "folders"; NULL:
                               what is certain without a guess (class_index.h) */
    const char *checkpoint; /* of the model, beside which classes.txt may lie; NULL: none */
    int head_classes;       /* number of classes of the model's head; 0: unknown */
    int label_base;         /* what a list's numbers start from: 0 or 1 */
    const char *only;       /* classes, or a file of ids, that stay; NULL: all (only.h) */
    enum array_order image_order, mask_order; /* of imagenet_seg */
    int demo_images;                          /* demo only: how many; 0 = its default */
    uint64_t demo_seed;                       /* demo only */
    int demo_size;                            /* demo only: side in pixels; 0 = its default */
    const char *demo_split; /* demo only: "plain" or "shortcut" (demo.h); NULL: plain */
};

struct sample {
    struct image image;
    int8_t *labels;   /* [height, width]: 0 background, 1 foreground, -1 left out; NULL without */
    int8_t *shortcut; /* [height, width]: 1 where a shortcut was planted, else 0; NULL without */
};

struct dataset;

struct dataset_kind {
    const char *name, *summary;
    enum status (*open)(const struct dataset_options *, struct dataset *, struct error *);
    /* Safe to call from several threads. E_DATA or E_IO: this image cannot be read; the run records
     * that and goes on. */
    enum status (*load)(struct dataset *, size_t index, struct sample *, struct error *);
    void (*close)(struct dataset *);
    /* Adds to the hash what is stored of image `index`, which is the `place`-th of a sample: at
     * most about so many bytes, from its ends. False: they cannot be read now. NULL: a kind whose
     * content follows from its options. */
    bool (*peek)(struct dataset *, size_t index, size_t place, size_t bytes, struct sha256 *);
};

struct dataset {
    const struct dataset_kind *kind;
    char *description; /* one line: what and how many, for the log */
    char *assumed;     /* one line: what the files do not say and was taken for granted; or NULL */
    size_t count;
    char **ids;      /* [count] unique names, as stored in /images/id */
    int32_t *labels; /* [count] class index; -1: none */
    int64_t
        *changed; /* [count] when its file was last written, in seconds since 1970; 0: unknown */
    bool has_labels, has_masks, has_shortcuts;
    bool labels_are_numbers; /* plain numbers of a list, so that their classes are not known */
    bool numbers_are_ids;    /* its numbers are ILSVRC2012_IDs */
    char fingerprint[65]; /* hex SHA-256 over kind, ids, labels and file sizes: what the data set is
                           */
    char contents[65];    /* hex SHA-256 over a sample of the files' bytes (contents.h); "": none */
    void *impl;
};
