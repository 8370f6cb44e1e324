/* A model in another process, which is asked for logits and maps: evalh's side of the protocol of
 * docs/worker.md. Images and answers lie in memory that both processes map. */
#pragma once

#include <stdint.h>

#include "process.h"

enum {
    WORKER_PROTOCOL = 1,
    WORKER_METHODS = 64,
    WORKER_NAME = 64,  /* bytes of a method's name, its NUL included */
    WORKER_TEXT = 128, /* of other texts */
    WORKER_GRID = 14   /* side of the controls' maps where the worker names none */
};

struct worker_method {
    char name[WORKER_NAME], summary[WORKER_TEXT];
    int side; /* its maps are [side, side] */
    bool class_agnostic;
};

struct worker_hello { /* what a worker says about itself; every value has been checked */
    char name[WORKER_TEXT], fingerprint[WORKER_TEXT];
    int classes, size; /* images are [3, size, size] */
    int batch;         /* the most images that it takes */
    int grid;
    float mean[3], std[3];
    struct worker_method methods[WORKER_METHODS];
    int method_count;
};

struct worker {
    struct worker_process *process;
    struct worker_hello hello;
    long id;               /* of the last request */
    int batch;             /* images that the memory has room for */
    int fd;                /* descriptor descriptor of the memory; -1: there is none */
    char *memory;          /* mapped, [bytes] */
    size_t bytes, answers; /* `answers`: where answers begin; images are at 0 */
};

/* Starts the worker and exchanges hello, which tells it `threads` and `device`. */
enum status worker_open(const struct worker_start *, int threads, int device, struct worker **out,
                        struct error *err);
void worker_close(struct worker *); /* accepts NULL */

/* Makes the memory for `batch` images, at most hello.batch. E_NOMEM. */
enum status worker_attach(struct worker *, int batch, struct error *err);

/* The memory for images, [batch, 3, size, size], normalised; to be written before every request. */
float *worker_images(const struct worker *);

/* Asks for the logits of the first n images: *logits is [n, classes], in the shared memory, valid
 * until the next request. All are finite. E_DEVICE as for worker_ask, or where the answer is
 * wrong. */
enum status worker_classify(struct worker *, int n, const float **logits, struct error *err);
/* Asks for maps of the first n images by methods[method], for the classes [n]: *maps is [n, side,
 * side]. */
enum status worker_explain(struct worker *, int method, int n, const int32_t *classes,
                           const float **maps, struct error *err);

/* ---- inside -------------------------------------------------------------------------------- */

struct cJSON;

/* Parses a reply to request `id`: *out (to be deleted) is its object, with ok = true. E_DEVICE: it
 * is not a JSON object, answers another request, or reports an error. */
enum status worker_read_reply(const char *line, long id, const char *what, struct cJSON **out,
                              struct error *err);
/* E_DEVICE names the key and says what would be right. */
enum status worker_read_hello(const struct cJSON *reply, struct worker_hello *out,
                              struct error *err);
/* shape = [n, a] or, with b > 0, [n, a, b]. */
enum status worker_read_shape(const struct cJSON *reply, const char *what, int n, int a, int b,
                              struct error *err);
