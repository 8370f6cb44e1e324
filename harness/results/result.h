/* Reading a result file (schemas 1 and 2, results/schema.md). The file is taken as hostile: every
 * group, dataset, type and shape is checked before memory is taken, and an error names the file,
 * what is wrong in it and what would be right.
 *
 * HDF5 is called without a lock, since the report commands have one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "metrics.h"
#include "status.h"
#include "words.h"

#define RESULT_MAX_IMAGES 10000000 /* a larger value means a damaged file */
#define RESULT_MAX_SIDE 4096       /* pixels */
#define RESULT_MAX_CLASSES 1000000

enum explained { EXPLAINED_PREDICTED, EXPLAINED_TARGET, EXPLAINED_CLASSES };
#define explained_names class_choice_names /* by enum explained: the same order */

enum { RESULT_WITHOUT_MAP = 3 }; /* in status: a file of maps has none of the image */
enum removal { REMOVE_HOTTEST, REMOVE_COLDEST, REMOVALS }; /* which pixels go first */
#define removal_names direction_names                      /* by enum removal */

struct result_map { /* /explain/METHOD/CLASS */
    char *method;
    bool control; /* no explanation, but what explanations are compared with */
    enum explained explained;
    bool agnostic;        /* both classes are one object in the file */
    int grid;             /* patches per side; result_read_maps reads the maps */
    float *sum_error;     /* [images] of a method whose terms add up to the score; or NULL */
    uint8_t *constant;    /* [images] enum map_state, or NULL where the file does not say */
    int32_t *largest_tie; /* [images] pixels, or NULL */
    float *dropped;       /* [images] share that lies on no patch; NULL where the file says none */
};

struct result_curve { /* /perturbation/METHOD/CLASS/DIRECTION */
    char *method;
    bool control; /* no explanation, but what explanations are compared with */
    enum explained explained;
    enum removal removal;
    uint8_t *hit;       /* [images, points], points as the result's axis has them */
    float *prob;        /* the same, of the label */
    int32_t *predicted; /* the same */
    float *prob_class;  /* the same, of the explained class; NULL in schema 1 */
    float *logit_class; /* the same; NULL in schema 1 */
};

/* The fully filled image (100 % removed): one for the run, or one for each image. */
struct result_blank {
    size_t classes;     /* length of `prob`; 0: it has an entry per image */
    float *prob;        /* [classes], or [images] of the label; NULL: the file has no such point */
    float *prob_class;  /* [images] of the predicted class; NULL where `classes` > 0 */
    int32_t *predicted; /* the same */
};

struct result_segmentation { /* /segmentation/METHOD/CLASS */
    char *method;
    bool control; /* no explanation, but what explanations are compared with */
    enum explained explained;
    struct segmentation_score *score; /* [images] */
    float *shortcut_share; /* [images] of the heat, 0-1, NaN: no heat; or NULL: no shortcuts */
};

/* Attributes of the root, in the order of `attribute` below. */
enum result_attribute {
    ATTR_EVALH_VERSION,
    ATTR_GIT_COMMIT,
    ATTR_CONFIG,
    ATTR_CONFIG_HASH,
    ATTR_PROTOCOL,
    ATTR_ARCH,
    ATTR_CHECKPOINT_SHA256,
    ATTR_DATASET,
    ATTR_DATASET_FINGERPRINT,
    ATTR_PREPROCESS,
    ATTR_DEVICE,
    ATTR_PRECISION,
    ATTR_CREATED_UTC,
    ATTR_CHECKPOINT,         /* optional from here on: "" where the file has none */
    ATTR_MODEL,              /* what the model is, in words */
    ATTR_CONTROLS,           /* names of the methods that are controls, separated by ", " */
    ATTR_WORKER_FINGERPRINT, /* of a model in another process: its name, */
    ATTR_WORKER_COMMAND,     /* and what starts it */
    ATTR_KERNELS,            /* of a GPU, of which there are several: "scan=pair,attention=head" */
    ATTR_BATCH,              /* images together, and why so many */
    ATTR_DOUBT,              /* what is wrong with top-1, in a sentence */
    ATTR_DATASET_CONTENTS,   /* digest of a sample of the data set's bytes */
    ATTR_EXPLAINED_IN,       /* methods whose maps were made in more than fp32 */
    RESULT_ATTRIBUTES
};
extern const char *const attribute_names[RESULT_ATTRIBUTES];

struct result {
    char *path;     /* as it is shown */
    char *file;     /* the file that is read; differs from `path` for an unfinished run */
    char *progress; /* of an unfinished run: "in progress, 3 of 8 shards"; NULL: unknown */
    char *attribute[RESULT_ATTRIBUTES]; /* texts, never NULL */
    bool complete;
    double seconds; /* of the run; NaN where the file does not say */
    int image_size; /* S; 0 where the file does not say (before version 0.2) */
    int classes;    /* of the model's head; 0 where the file does not say */

    int schema;             /* 1 or 2 */
    struct curve_axis axis; /* of all curves */
    struct result_blank blank;

    size_t images;
    char **id;                  /* [images] */
    int32_t *label, *predicted; /* [images]; label -1: none */
    uint8_t *status;            /* [images] 0 = ok */
    float *identity_error;      /* [images] or NULL */
    uint8_t *zero_row_sum;      /* [images] or NULL */
    float *shortcut_area;       /* [images] of the pixels, 0-1; or NULL */
    float *mask_share; /* [images] of the labelled pixels, the object's, 0-1; NaN where none
                          is labelled; or NULL */

    /* Each ordered by method (see method_order), then class, then direction. */
    struct result_map *map;
    struct result_curve *curve;
    struct result_segmentation *segmentation;
    size_t maps, curves, segmentations;
};

/* E_IO: missing or not HDF5; E_DATA: unknown schema; E_NOMEM. */
enum status result_open(const char *path, struct result **out, struct error *err);
void result_close(struct result *);

/* Model and data of the figures, for titles: "vim_small on imagenet_seg", "vit (vit_shortcut) on
 * demo (shortcut split)". The checkpoint's name distinguishes models whose geometry is not a
 * published one. */
enum { RESULT_TITLE_SIZE = 200 };
void result_title(const struct result *, char *out, size_t size);
/* The first part of it: "vim_small", "vit (vit_shortcut)". */
void result_model(const struct result *, char *out, size_t size);

/* Reads the maps [images, g, g] of one /explain entry from the file, malloc'ed. */
enum status result_read_maps(const struct result *, const struct result_map *, float **out,
                             struct error *err);

/* Whether two results have the same texts in these attributes. */
bool results_agree(const struct result *, const struct result *, const enum result_attribute *of,
                   size_t count);

/* NULL where the file has none. */
const struct result_curve *result_find_curve(const struct result *, const char *method,
                                             enum explained, enum removal);
const struct result_segmentation *result_find_segmentation(const struct result *,
                                                           const char *method, enum explained);
const struct result_map *result_find_map(const struct result *, const char *method, enum explained);

/* Probability of the label, and of the class that was explained, on the fully filled image; NaN
 * where the file does not say. */
double result_blank_prob(const struct result *, size_t image);
double result_blank_class(const struct result *, enum explained, size_t image);

/* Compares methods for the order of rows, as strcmp does: the paper's methods, others by name,
 * controls last. */
int method_order(const char *a, bool a_is_control, const char *b, bool b_is_control);
/* Whether a method is a control, as the file says. Files from before version 0.2 do not say so, and
 * had the controls random, center and randomised. */
bool result_is_control(const struct result *, const char *method);
