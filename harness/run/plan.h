/* A plan: everything that a run needs, opened and checked, so that errors appear before any work is
 * done. */
#pragma once

#include <stdio.h>

#include "config.h"
#include "dataset.h"
#include "engine.h"
#include "map_file.h"
#include "records.h"

enum { PLAN_METHODS = 64, PLAN_TASKS = 16 };

struct task;

/* A process among those of its machine, which share processors and GPUs. */
struct plan_place {
    int device;  /* GPU number, taken modulo the number of GPUs of the machine */
    int sharers; /* processes that share the processors, this one included; at least 1 */
};
extern const struct plan_place plan_alone;

struct plan {
    struct config *config; /* borrowed */
    const struct config_values *v;
    struct dataset *data;
    size_t images;  /* the number of images that the run takes, from the beginning of `data` */
    size_t total;   /* images of the data set */
    char order[64]; /* order of `data`: "natural", or that of data.subset where run.limit applies */
    const size_t *indices; /* [total] original index of each image of `data`; NULL: natural order */
    struct engine *engine; /* classifies, explains; images, masks and heat lie in its memory */
    const char *wanted[PLAN_METHODS];                  /* names of explain.methods */
    const struct engine_method *methods[PLAN_METHODS]; /* the same, once the engine is open */
    int engine_index[PLAN_METHODS];       /* among those that the engine was prepared for; -1: */
    struct map_file *files[PLAN_METHODS]; /* its maps come from this file; else NULL */
    struct engine_method from_file[PLAN_METHODS]; /* what `methods` points to then */
    int method_count;
    char explained_in[1024]; /* methods that run in more than fp32: "attribution mixed, ..." */
    bool classes[CLASS_CHOICES];
    const struct task *tasks[PLAN_TASKS];
    int task_count;
    char *references; /* ids of the images that methods begin at, a line each; NULL: none does */
    struct plan_place place;
    int threads;
};

/* E_CONFIG and others: the message names file and line of the key, and what would be right. */
enum status plan_open(struct config *, struct plan **out, struct error *err);
enum status plan_open_at(struct config *, const struct plan_place *, struct plan **out,
                         struct error *err);
void plan_close(struct plan *); /* accepts NULL */

/* The same, but after a step that fails it goes on with all steps that do not need it. `listener`
 * hears how each step went. *out holds what could be opened, NULL elsewhere. Returns the first
 * failure. */
typedef void plan_listener(void *context, const char *step, enum status, const struct error *);
enum status plan_examine(struct config *, plan_listener *listener, void *context, struct plan **out,
                         struct error *err);

/* Puts the images of `data`, which are in natural order, into this order: that of a shorter run
 * that this one continues. E_CONFIG: the order is unknown. */
enum status plan_set_order(struct plan *, const char *order, struct error *err);

/* The most forward passes that classify views of one image. */
size_t plan_forwards(const struct plan *);

/* Reads every map of [maps] that the run would take. E_DATA: more images than data.max_unreadable
 * allows would be left out; E_IO: a file cannot be read. */
enum status plan_check_maps(const struct plan *, struct error *err);

/* Prints what was loaded, and what this many ranks will do with it. */
void plan_print(const struct plan *, int ranks, FILE *);

/* Images per shard for this many ranks: run.shard_size, or a size that suits the engine. On a GPU a
 * batch ends with its shard, and the next batch is loaded ahead only within a shard. A shard is
 * therefore several batches, as long as every rank has enough shards to finish at about the same
 * time as the others. */
size_t plan_shard_size(const struct plan *, int ranks);

/* Whether method m's class c has a separate map, and not a link to the first class asked for. */
bool plan_has_own(const struct plan *, int method, enum class_choice c);
/* The first class asked for. */
enum class_choice plan_first_class(const struct plan *);
