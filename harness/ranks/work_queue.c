#include "work_queue.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "free_all.h"
#include "ranks_internal.h"
#include "stop.h"

struct work_queue {
    struct ranks *ranks;
    bool halted; /* on other ranks: rank 0 has said so */

    /* On rank 0, under the lock: its main thread computes while its clerk thread serves the
     * others. */
    pthread_mutex_t lock;
    pthread_t clerk;
    bool has_clerk;
    const size_t *todo;
    size_t count, next;
    size_t own;  /* shards that rank 0 made itself */
    bool closed; /* no more shards are handed out */
    bool off;    /* the queue could not be opened */
    struct progress *progress;
    struct queue_tally tally;
    /* Used by the clerk thread alone until it has ended. */
    struct ranks_verdict verdict;
    int left;      /* of the others */
    bool *is_gone; /* [ranks] */
};

/* ---- rank 0: the clerk ------------------------------------------------------------------------
 */

static bool take_next(struct work_queue *q, size_t *shard)
{
    pthread_mutex_lock(&q->lock);
    bool any = !q->closed && q->next < q->count;
    if (any)
        *shard = q->todo[q->next++];
    pthread_mutex_unlock(&q->lock);
    return any;
}

static void close_queue(struct work_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    pthread_mutex_unlock(&q->lock);
}

static void serve(struct work_queue *q, int from, const struct message *m)
{
    size_t shard;
    switch ((enum message_kind)m->kind) {
    case MESSAGE_WANT:
        if (take_next(q, &shard))
            ranks_send(q->ranks, from, MESSAGE_SHARD, (int64_t)shard);
        else
            ranks_send(q->ranks, from, MESSAGE_NO_MORE, 0);
        break;
    case MESSAGE_IMAGES:
        pthread_mutex_lock(&q->lock);
        progress_add(q->progress, (size_t)m->value);
        pthread_mutex_unlock(&q->lock);
        break;
    case MESSAGE_DONE:
        if (q->tally.done_count < q->count)
            q->tally.done[q->tally.done_count++] = (size_t)m->value;
        break;
    case MESSAGE_LEAVE:
        verdict_add(&q->verdict, from, (enum status)m->code, m->text);
        if ((double)m->value > q->tally.peak_mib)
            q->tally.peak_mib = (double)m->value;
        q->is_gone[from] = true;
        q->left++;
        if (m->code != OK)
            close_queue(q);
        break;
    default: /* no other kind of message is sent while a queue is open */
        break;
    }
}

/* Serves the others until all of them have left. */
static void *run_clerk(void *queue)
{
    struct work_queue *q = queue;
    struct transport *wire = q->ranks->wire;
    bool announced = false;
    pthread_mutex_lock(&q->lock); /* held until all ranks have a queue */
    bool off = q->off;
    pthread_mutex_unlock(&q->lock);
    if (off)
        return NULL;
    for (unsigned pause = 0; q->left < wire->count - 1;) {
        struct message m;
        int from;
        while (wire->receive(wire, &m, &from)) {
            serve(q, from, &m);
            pause = 0;
        }
        if (stop_requested())
            close_queue(q);
        pthread_mutex_lock(&q->lock);
        bool closed = q->closed;
        pthread_mutex_unlock(&q->lock);
        for (int i = 1; closed && !announced && i < wire->count; i++)
            if (!q->is_gone[i])
                ranks_send(q->ranks, i, MESSAGE_HALT, 0);
        announced |= closed;
        ranks_rest(&pause);
    }
    return NULL;
}

/* ---- both sides -------------------------------------------------------------------------------
 */

static void free_queue(struct work_queue *q)
{
    pthread_mutex_destroy(&q->lock);
    FREE_ALL(q->is_gone, q);
}

static enum status start_clerk(struct work_queue *q, struct error *err)
{
    int count = ranks_count(q->ranks);
    if (count == 1)
        return OK;
    q->is_gone = calloc((size_t)count, sizeof *q->is_gone);
    q->tally.done = malloc((q->count + 1) * sizeof *q->tally.done);
    if (q->is_gone == NULL || q->tally.done == NULL)
        return fail(err, E_NOMEM, "out of memory for %zu shards", q->count);
    int reason = pthread_create(&q->clerk, NULL, run_clerk, q);
    if (reason != 0)
        return fail(err, E_NOMEM, "cannot start a thread: %s", strerror(reason));
    q->has_clerk = true;
    return OK;
}

enum status queue_open(struct ranks *ranks, const size_t *todo, size_t count,
                       struct progress *progress, struct work_queue **out, struct error *err)
{
    *out = NULL;
    struct work_queue *q = calloc(1, sizeof *q);
    enum status status = OK;
    if (q == NULL)
        return ranks_agree(ranks, fail(err, E_NOMEM, "out of memory"), err);
    q->ranks = ranks;
    q->todo = todo;
    q->count = count;
    q->progress = progress;
    pthread_mutex_init(&q->lock, NULL);
    /* The clerk thread starts before the others are told, and listens only after that, because it
     * takes every message for one of the queue's. */
    pthread_mutex_lock(&q->lock);
    if (ranks_lead(ranks))
        status = start_clerk(q, err);
    status = ranks_agree(ranks, status, err);
    q->off = status != OK;
    pthread_mutex_unlock(&q->lock);
    if (status == OK) {
        *out = q;
        return OK;
    }
    if (q->has_clerk)
        pthread_join(q->clerk, NULL);
    free(q->tally.done);
    free_queue(q);
    return status;
}

bool queue_take(struct work_queue *q, size_t *shard)
{
    if (ranks_lead(q->ranks))
        return take_next(q, shard);
    struct transport *wire = q->ranks->wire;
    struct message m;
    int from;
    unsigned pause = 0;
    ranks_send(q->ranks, 0, MESSAGE_WANT, 0);
    for (;;) {
        if (!wire->receive(wire, &m, &from)) {
            ranks_rest(&pause);
        } else if (m.kind == MESSAGE_SHARD) {
            *shard = (size_t)m.value;
            return !q->halted;
        } else if (m.kind == MESSAGE_NO_MORE) {
            return false;
        } else {
            q->halted |= m.kind == MESSAGE_HALT;
        }
    }
}

void queue_done(struct work_queue *q, size_t shard)
{
    if (ranks_lead(q->ranks))
        q->own++;
    else
        ranks_send(q->ranks, 0, MESSAGE_DONE, (int64_t)shard);
}

bool queue_add_images(void *queue, size_t images)
{
    struct work_queue *q = queue;
    if (ranks_lead(q->ranks)) {
        pthread_mutex_lock(&q->lock);
        progress_add(q->progress, images);
        bool go_on = !q->closed;
        pthread_mutex_unlock(&q->lock);
        return go_on;
    }
    struct message m;
    int from;
    ranks_send(q->ranks, 0, MESSAGE_IMAGES, (int64_t)images);
    while (!q->halted && q->ranks->wire->receive(q->ranks->wire, &m, &from))
        q->halted = m.kind == MESSAGE_HALT;
    return !q->halted;
}

void queue_passed(struct work_queue *q, size_t passes, size_t images, size_t most)
{
    if (!ranks_lead(q->ranks))
        return;
    pthread_mutex_lock(&q->lock);
    progress_passes(q->progress, passes, images, most);
    pthread_mutex_unlock(&q->lock);
}

/* Rank 0 waits for its clerk thread, which waits for all others. */
static enum status close_lead(struct work_queue *q, enum status mine, struct queue_tally *tally,
                              struct error *err)
{
    struct ranks_verdict *v = &q->verdict;
    if (mine != OK)
        close_queue(q);
    if (q->has_clerk)
        pthread_join(q->clerk, NULL);
    double peak = peak_memory_mib();
    *tally = q->tally;
    tally->peak_mib = tally->peak_mib > peak ? tally->peak_mib : peak;
    verdict_add(v, 0, mine, mine != OK ? err->text : "");
    bool all = q->own + tally->done_count == q->count;
    if (all && v->code == E_STOPPED)
        v->code = OK; /* the signal came too late */
    else if (!all)
        verdict_add(v, 0, E_STOPPED, "stopped");
    return verdict_give(q->ranks, v, err);
}

enum status queue_close(struct work_queue *q, enum status mine, struct queue_tally *tally,
                        struct error *err)
{
    enum status status;
    *tally = (struct queue_tally){ 0 };
    if (mine == E_STOPPED && !stop_requested())
        mine = OK; /* ended by another rank, which says why */
    if (ranks_lead(q->ranks))
        status = close_lead(q, mine, tally, err);
    else
        status = ranks_report(q->ranks, MESSAGE_LEAVE, (int64_t)peak_memory_mib(), mine, err);
    free_queue(q);
    return status;
}
