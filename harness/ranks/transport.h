/* How the processes of one run reach each other. transport_mpi.c uses MPI; a build without MPI has
 * transport_none.c, where a process is alone. Everything else is built on these four functions. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

/* A message: the head, and the text up to its length. */
struct message {
    int32_t kind;  /* ranks_internal.h */
    int32_t code;  /* enum status */
    int64_t value; /* shard, images, MiB */
    int64_t length;
    char text[1024];
};

struct transport {
    int rank, count;
    int local_rank; /* index index among the processes of this machine */
    int sharers;    /* processes of this machine that may use the very same processors; 1 or more */

    /* Sending and receiving do not wait for the other side, as messages are small. Messages from
     * one rank to another arrive in order. Not to be called from two threads at a time. */
    void (*send)(struct transport *, int to, const struct message *);
    /* Takes the next message from any process, or returns false where none has come. */
    bool (*receive)(struct transport *, struct message *, int *from);
    void (*close)(struct transport *);
};

/* *out stands for the processes that a launcher started together with this one; NULL where it is
 * alone. E_CONFIG where they cannot work together. */
enum status transport_open(struct transport **out, struct error *err);
