/* Tasks: measurements of an explanation. A const table, and one file for each task. A task declares
 * columns of the records and fills them for a batch of visited images. */
#pragma once

#include "curves.h"
#include "plan.h"
#include "records.h"

/* A distinct heat map of a visit. */
struct visit_map {
    int image;                   /* index in the visit */
    int method;                  /* index in the plan */
    bool classes[CLASS_CHOICES]; /* the classes it belongs to: both where they have one map */
};

/* A batch of images that were decoded and explained. */
struct visit {
    int n;
    const size_t *row;                  /* [n] in the records */
    const int32_t *label;               /* [n] */
    const int32_t *predicted;           /* [n] */
    const struct explain_image *images; /* [n] in the form in which they were explained */
    const uint8_t *const *rgb;          /* [n] device memory, [S, S, 3] */
    const uint8_t *const *rgb_host;     /* [n] host memory */
    const uint8_t *const *fill; /* [n] device memory: what removed pixels take; NULL: one colour for
                                   all, or a fill by the mask */
    const int8_t *masks;        /* [n, S, S], host; NULL without */
    const int8_t *shortcuts;    /* the same for shortcuts: 1 where one was planted; NULL without */
    const float *logits;        /* [n, classes], host, of the unmasked images */
    int map_count;
    const struct visit_map *maps;
    const float *map_values;  /* of map i, [side, side] of its method, from map_at[i] on; host */
    const size_t *map_at;     /* [maps] */
    const float *heat;        /* [maps, S*S], host; NULL where no task reads it */
    const float *heat_device; /* the same */
    const uint64_t *seeds;    /* [maps] for random tie order */
    int32_t *largest_tie;     /* [maps] pixels; filled by a task with TASK_TIES */
};

/* What a task keeps during a run. It is zeroed before the first call. */
struct task_state {
    size_t size;
    /* Allocates memory; close is called after a failure, too. NULL: the task needs none. */
    enum status (*open)(void *state, const struct plan *, struct error *);
    void (*close)(void *state, const struct plan *);
};

struct task_records {
    /* Adds the task's columns. */
    enum status (*columns)(void *state, const struct plan *, struct records *, struct error *);
    /* Fills the columns of the run, whose memory the records have by then. NULL: the task has
     * none. */
    enum status (*begin)(void *state, const struct plan *, struct records *, struct error *);
};

struct task_cost {
    /* Bytes of engine memory that `open` takes for a batch. NULL: none. */
    size_t (*device_bytes)(const struct plan *, size_t batch);
    /* The most images that are classified, and explained, for each image, for the estimate of work.
     * NULL: none. */
    size_t (*forwards)(const struct plan *);
    size_t (*explanations)(const struct plan *);
};

enum task_traits {
    TASK_LABELS = 1, /* needs the labels of the images */
    TASK_MASKS = 2,  /* needs masks */
    TASK_HEAT = 4,   /* reads the heat on the host */
    TASK_ALONE = 8,  /* asks for no prediction: maps from files can be scored without a model */
    TASK_TIES = 16,  /* counts the ties of every map, since it ranks the pixels anyway */
    TASK_ALTERS = 32 /* explains by models with fresh weights, in memory beside the run's own */
};

struct task {
    const char *name, *summary;
    unsigned traits; /* enum task_traits */
    struct task_state state;
    /* E_CONFIG where values of keys contradict each other; NULL: they cannot. The plan's engine is
     * open, but its device is not. */
    enum status (*check)(const struct plan *, struct error *);
    struct task_records records;
    /* E_STOPPED when a signal asks to end. */
    enum status (*run)(void *state, const struct plan *, const struct visit *, struct records *,
                       struct error *);
    struct task_cost cost;
};

extern const struct task *const tasks[]; /* NULL-terminated */

/* Whether a task of the plan has this trait. */
bool task_any(const struct plan *, enum task_traits);

/* Adds a column for every method and class, with both formatted into PATH:
 * "perturbation/%s/%s/hit". A class that shares its records with the first becomes a link. index
 * [method][class]. */
enum status task_columns(const struct plan *, struct records *, enum column_type, int d0, int d1,
                         const char *prefix, const char *suffix,
                         int index[PLAN_METHODS][CLASS_CHOICES], struct error *);

/* The same for one method. */
enum status task_method_columns(const struct plan *, struct records *, int method, enum column_type,
                                int d0, int d1, const char *prefix, const char *suffix,
                                int index[CLASS_CHOICES], struct error *);

/* Maps [count], of map i [side, side] from map_at[i] on in engine memory, to heat [count, S*S]:
 * those of one side that lie together in one go. */
void task_heat(const struct plan *, const struct visit_map *maps, int count, const size_t *map_at,
               const float *map_device, float *heat_device);

/* Calls `score` for every map of the visit, by the plan's threads; the error of one that failed. */
typedef enum status task_score(void *state, const struct plan *, const struct visit *,
                               struct records *, int map, struct error *);
enum status task_each_map(task_score *score, void *state, const struct plan *, const struct visit *,
                          struct records *, struct error *);

/* Room for explanations of a batch; false: memory ran out, and what there is may be closed. */
bool task_result_open(const struct plan *, struct explain_result *);
void task_result_close(struct explain_result *);

/* S*S, of the model's input. */
size_t pixel_count(const struct plan *);
/* Bytes of a value of every pixel of the maps that a batch may have. */
size_t task_maps_bytes(const struct plan *, size_t batch, size_t value);
/* The most distinct maps of an image; the axis of curves; the number of the calling thread. */
size_t task_maps(const struct plan *);
struct curve_axis task_axis(const struct plan *);
int task_thread(void);

/* Softmax of one entry, in double: exp(x_k) / Σ exp(x). */
double softmax_of(const float *logits, int classes, int k);
/* Index of the largest logit, the lowest where several are equal. */
int32_t top_class(const float *logits, int classes);
