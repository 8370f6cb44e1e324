/* Loading: a batch of images, decoded and preprocessed by several threads. */
#pragma once

#include <pthread.h>

#include "plan.h"

struct loaded {
    uint8_t *rgb;      /* [batch, S, S, 3] */
    int8_t *masks;     /* [batch, S, S]; NULL where no task wants them */
    int8_t *shortcuts; /* [batch, S, S]: 1 where planted; NULL without them, or without masks */
    uint8_t *status;   /* [batch] IMAGE_... */

    /* The load that was started last. */
    const struct plan *plan;
    size_t first;
    int n;
    pthread_t thread; /* loads, where `running` */
    bool running;
    enum status result;
    struct error error;
};

/* As stored in /images/status. */
enum {
    IMAGE_OK = 0,
    IMAGE_BROKEN = 1 /* its content */,
    IMAGE_UNREADABLE = 2 /* not to be had */,
    IMAGE_WITHOUT_MAP = 3 /* a method's file has no usable map of it */
};

/* One image [S, S, 3] and, where not NULL, its masks [S, S]. E_DATA: broken; E_IO: unreadable. */
enum status loader_one(const struct plan *, size_t index, uint8_t *rgb, int8_t *mask,
                       int8_t *shortcut, struct error *err);

enum status loaded_open(const struct plan *, struct loaded *, struct error *err);
void loaded_close(struct loaded *);

/* Begins to load images [first, first + n), on a thread beside the caller's where `aside`, which
 * costs nothing on a machine whose GPU does the work. One that is broken or cannot be read is
 * logged and gets its status. */
void loader_begin(const struct plan *, size_t first, int n, bool threaded, struct loaded *);
/* Waits for the load. A second call gives the same answer. E_IO where other images cannot be read
 * either, because results on a data set that has partly vanished would be wrong. */
enum status loader_end(struct loaded *, struct error *err);
