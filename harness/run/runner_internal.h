/* Shared by the files of the runner: its memory, planned once for a batch. */
#pragma once

#include "loader.h"
#include "runner.h"
#include "task.h"

struct runner {
    struct plan *plan;
    struct records records;
    void *state[PLAN_TASKS];
    struct loaded loaded[2]; /* the current batch and, where it is loaded ahead, the next one */
    bool ahead;              /* the next batch is loaded while the GPU works on this one */
    size_t pixels;           /* S*S */
    int largest_side;        /* of any method's maps */
    size_t rgb_stride;       /* bytes between images in device memory */

    /* Columns every run has. */
    int index, patch_row, patch_column; /* coordinates of dimensions */
    int id, label, predicted, status, identity_error, zero_row_sum;
    int map[PLAN_METHODS][CLASS_CHOICES], constant[PLAN_METHODS][CLASS_CHOICES],
        largest_tie[PLAN_METHODS][CLASS_CHOICES];
    int dropped[PLAN_METHODS][CLASS_CHOICES];    /* where runner_drops */
    int sum_error[PLAN_METHODS][CLASS_CHOICES];  /* of methods whose terms add up to the score */
    int map_status[PLAN_METHODS][CLASS_CHOICES]; /* of methods whose maps are in files */

    /* The visit: [batch] images that decoded. */
    size_t *row;
    int32_t *labels, *predictions;
    struct view *views;
    const uint8_t **rgb, **rgb_host, **fill;
    int8_t *masks, *shortcuts;    /* [batch, S*S], compacted */
    float *logits;                /* [batch, classes] */
    struct explain_image *images; /* [batch] */
    struct explain_result explained;
    float *file_maps;                          /* [batch, file_values] */
    size_t file_values, file_at[PLAN_METHODS]; /* of an image; of a method in them: two maps */
    uint8_t *rgb_device, *fill_device;

    /* Its distinct maps: at most [batch * methods * classes]. */
    struct visit_map *maps; /* in ascending order of side */
    uint64_t *seeds;
    size_t *map_at;                  /* [maps + 1] where a map [side, side] begins in map_values */
    float *map_values;               /* maps one behind the other */
    uint8_t *flags;                  /* [maps] MAP_... */
    float *flat_map;                 /* [largest_side²] of 0 */
    int32_t *ties;                   /* [maps] */
    bool own_ties;                   /* no task counts them */
    bool reads_heat;                 /* a task reads the heat on the host */
    float *heat;                     /* [maps, S*S]; NULL where nothing on the host reads it */
    float *map_device, *heat_device; /* as map_values; [maps, S*S] */
    float *fill_scratch;
    uint8_t *fill_host;
};

/* Whether a method's map leaves out tokens that draw relevance, so that it is stored how much:
 * registers and the like do. A model with CLS alone has none. */
bool runner_drops(const struct plan *, int method);
