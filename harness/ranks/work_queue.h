/* The queue of shards: ranks take one after the other as they become free, so that a slow rank
 * holds up nobody. Rank 0 hands them out from a separate thread while it computes like all
 * others. */
#pragma once

#include "progress.h"
#include "ranks.h"

struct work_queue;

/* Rank 0 passes the shards todo[0 .. count), in this order (borrowed until queue_close), and the
 * progress to which all ranks' images are added. The arguments of the other ranks are ignored. */
enum status queue_open(struct ranks *, const size_t *todo, size_t count, struct progress *,
                       struct work_queue **out, struct error *err);

/* Takes the next shard for this rank; false: none is left, or another rank has failed. */
bool queue_take(struct work_queue *, size_t *shard);
/* Says that this rank's shard is in the store. */
void queue_done(struct work_queue *, size_t shard);
/* Adds `images` that this rank has done; a runner_progress. false: give up the current shard and
 * call queue_close. */
bool queue_add_images(void *queue, size_t images);

/* On rank 0 the same as progress_passes, elsewhere nothing. */
void queue_passed(struct work_queue *, size_t passes, size_t images, size_t most);

struct queue_tally {
    size_t *done; /* [done_count] shards that the other ranks made */
    size_t done_count;
    double peak_mib; /* most memory that a rank has used */
};

/* Waits for all ranks and agrees (ranks_agree). On rank 0 *tally is filled in either way, done for
 * the caller to free; elsewhere it is empty. */
enum status queue_close(struct work_queue *, enum status mine, struct queue_tally *tally,
                        struct error *err);
