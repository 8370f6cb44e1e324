/* What ranks.c and work_queue.c say to other ranks. */
#pragma once

#include "ranks.h"
#include "transport.h"

enum message_kind {
    /* to rank 0 */
    MESSAGE_STATUS, /* code, text: how it went; an answer is waited for */
    MESSAGE_IMAGES, /* value: so many more are through */
    MESSAGE_DONE,   /* value: this shard is in the store */
    MESSAGE_WANT,   /* a shard, please */
    MESSAGE_LEAVE,  /* as STATUS, and the last of a queue; value: peak memory in MiB */
    /* from rank 0 */
    MESSAGE_VERDICT, /* code, text */
    MESSAGE_SHARED,  /* text: bytes */
    MESSAGE_SHARD,   /* value: do this one */
    MESSAGE_NO_MORE, /* in answer to WANT */
    MESSAGE_HALT     /* drop what is in hand */
};

struct ranks {
    struct transport *wire; /* NULL: alone */
};

void ranks_send(struct ranks *, int to, enum message_kind, int64_t value);
/* With a status and its message. */
void ranks_send_status(struct ranks *, int to, enum message_kind, int64_t value, enum status,
                       const struct error *);
/* Waits, without taking processor time from those that compute, for a message of this kind from
 * rank 0; passes over HALT. */
void ranks_await(struct ranks *, enum message_kind, struct message *);

/* The verdict in the making: of rank 0 itself, then of the others as they report. */
struct ranks_verdict {
    enum status code;
    int rank;
    struct error err;
};
void verdict_add(struct ranks_verdict *, int rank, enum status, const char *text);
/* Rank 0: tells all others, and the caller. */
enum status verdict_give(struct ranks *, const struct ranks_verdict *, struct error *err);
/* The others: how it went here, with this rank's name in front of a failure, which rank 0 prints;
 * then the verdict. */
enum status ranks_report(struct ranks *, enum message_kind, int64_t value, enum status mine,
                         struct error *err);

/* A pause that grows from call to call while nothing happens; *pause starts at 0. */
void ranks_rest(unsigned *pause);
