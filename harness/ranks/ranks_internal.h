/* The messages that ranks.c and work_queue.c send to other ranks. */
#pragma once

#include "ranks.h"
#include "transport.h"

enum message_kind {
    /* to rank 0 */
    MESSAGE_STATUS, /* code and text of a result; the sender waits for an answer */
    MESSAGE_IMAGES, /* value: this many more images are done */
    MESSAGE_DONE,   /* value: the shard that is in the store now */
    MESSAGE_WANT,   /* a shard, please */
    MESSAGE_LEAVE,  /* as STATUS, but the last message of a queue; value: peak memory in MiB */
    /* from rank 0 */
    MESSAGE_VERDICT, /* code, text */
    MESSAGE_SHARED,  /* text: bytes */
    MESSAGE_SHARD,   /* value: do this one */
    MESSAGE_NO_MORE, /* in answer to WANT */
    MESSAGE_HALT     /* give up the current work */
};

struct ranks {
    struct transport *wire; /* NULL: alone */
};

void ranks_send(struct ranks *, int to, enum message_kind, int64_t value);
/* The same with a status and its message. */
void ranks_send_status(struct ranks *, int to, enum message_kind, int64_t value, enum status,
                       const struct error *);
/* Waits, without taking processor time from those that compute, for a message of this kind from
 * rank 0; passes over HALT. */
void ranks_await(struct ranks *, enum message_kind, struct message *);

/* The verdict as it is made: of rank 0 itself, then of the others as they report. */
struct ranks_verdict {
    enum status code;
    int rank;
    struct error err;
};
void verdict_add(struct ranks_verdict *, int rank, enum status, const char *text);
/* Rank 0 sends it to all others and returns it to the caller. */
enum status verdict_give(struct ranks *, const struct ranks_verdict *, struct error *err);
/* The other ranks report their result, with this rank's name in front of a failure, which rank 0
 * prints; then they get the verdict. */
enum status ranks_report(struct ranks *, enum message_kind, int64_t value, enum status mine,
                         struct error *err);

/* Sleeps for a time that grows from call to call while nothing happens; *pause starts at 0. */
void ranks_rest(unsigned *pause);
