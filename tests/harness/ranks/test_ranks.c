/* Ranks and their queue over a transport of threads: every shard is taken once whatever the number
 * of ranks, a failure ends all of them with one message. Also what ThreadSanitizer looks at. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ranks_internal.h"
#include "work_queue.h"

#include "run_tests.h"

enum { RANKS = 5, SHARDS = 60, LETTERS = 4096 };

/* ---- ranks that are threads --------------------------------------------------------------------
 */

struct letter {
    int from;
    struct message m;
};

static struct office {
    pthread_mutex_t lock;
    size_t first, count;
    struct letter letters[LETTERS];
} offices[RANKS];

static void post(struct transport *t, int to, const struct message *m)
{
    struct office *o = &offices[to];
    pthread_mutex_lock(&o->lock);
    if (o->count == LETTERS)
        abort();
    struct letter *l = &o->letters[(o->first + o->count++) % LETTERS];
    l->from = t->rank;
    memcpy(&l->m, m, offsetof(struct message, text) + (size_t)m->length);
    pthread_mutex_unlock(&o->lock);
}

static bool collect(struct transport *t, struct message *m, int *from)
{
    struct office *o = &offices[t->rank];
    pthread_mutex_lock(&o->lock);
    bool any = o->count > 0;
    if (any) {
        const struct letter *l = &o->letters[o->first];
        *from = l->from;
        memcpy(m, &l->m, offsetof(struct message, text) + (size_t)l->m.length);
        o->first = (o->first + 1) % LETTERS;
        o->count--;
    }
    pthread_mutex_unlock(&o->lock);
    return any;
}

static void close_thread(struct transport *t)
{
    free(t);
}

/* What each rank does in a test, and what came of it. */
struct part {
    int rank, count;
    void (*play)(struct part *, struct ranks *);
    enum status status;
    struct error err;
    int taken[SHARDS]; /* how often this rank took a shard */
    bool was_halted;
    struct queue_tally tally;
    size_t images; /* that rank 0's progress has heard of */
    char shared[80];
};

static void *start(void *data)
{
    struct part *p = data;
    struct transport *t = calloc(1, sizeof *t);
    struct ranks *r;
    *t = (struct transport){ .rank = p->rank,
                             .count = p->count,
                             .local_rank = p->rank,
                             .sharers = 1,
                             .send = post,
                             .receive = collect,
                             .close = close_thread };
    if (ranks_open_on(t, &r, &p->err) != OK)
        abort();
    p->play(p, r);
    ranks_close(r);
    return NULL;
}

static void play(struct part *parts, int count, void (*f)(struct part *, struct ranks *))
{
    pthread_t threads[RANKS];
    for (int i = 0; i < count; i++) {
        offices[i].first = offices[i].count = 0;
        parts[i] = (struct part){ .rank = i, .count = count, .play = f };
        assert_int_equal(pthread_create(&threads[i], NULL, start, &parts[i]), 0);
    }
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < count; i++)
        assert_int_equal(offices[i].count, 0); /* nothing is said that nobody hears */
}

static void nap(long microseconds)
{
    const struct timespec t = { .tv_nsec = microseconds * 1000 };
    nanosleep(&t, NULL);
}

/* ---- agreeing ----------------------------------------------------------------------------------
 */

static void all_is_well(struct part *p, struct ranks *r)
{
    p->status = ranks_agree(r, OK, &p->err);
    if (p->rank == 0)
        snprintf(p->shared, sizeof p->shared, "what rank 0 knows");
    ranks_share(r, p->shared, sizeof p->shared);
}

static void two_fail(struct part *p, struct ranks *r)
{
    enum status mine = OK;
    if (p->rank == 1)
        mine = (fail)(&p->err, E_STOPPED, "stopped");
    if (p->rank >= 2)
        mine = (fail)(&p->err, E_IO, "no disk %d", p->rank);
    p->status = ranks_agree(r, mine, &p->err);
}

static void rank_0_fails(struct part *p, struct ranks *r)
{
    nap(1000 * (RANKS - p->rank)); /* others come first */
    p->status = ranks_agree(r, (fail)(&p->err, E_CONFIG, "key %d", p->rank), &p->err);
}

static void ranks_agree_on_one_failure(void **state)
{
    (void)state;
    struct part p[RANKS];
    play(p, RANKS, all_is_well);
    for (int i = 0; i < RANKS; i++) {
        assert_int_equal(p[i].status, OK);
        assert_string_equal(p[i].shared, "what rank 0 knows");
    }
    play(p, RANKS, two_fail);
    for (int i = 0; i < RANKS; i++) {
        assert_int_equal(p[i].status, E_IO);
        assert_memory_equal(p[i].err.text, "rank 2 on ", 10);
        assert_non_null(strstr(p[i].err.text, ": no disk 2"));
    }
    play(p, RANKS, rank_0_fails);
    for (int i = 0; i < RANKS; i++) {
        assert_int_equal(p[i].status, E_CONFIG);
        assert_string_equal(p[i].err.text, "key 0"); /* its own message needs no name */
    }
}

static void alone_is_as_simple_as_it_sounds(void **state)
{
    (void)state;
    struct error err = { .text = "mine" };
    struct ranks *r;
    int number = 7;
    assert_int_equal(ranks_open_on(NULL, &r, &err), OK);
    assert_true(ranks_lead(r));
    assert_int_equal(ranks_count(r), 1);
    assert_int_equal(ranks_sharers(r), 1);
    assert_int_equal(ranks_agree(r, E_IO, &err), E_IO);
    assert_string_equal(err.text, "mine");
    ranks_share(r, &number, sizeof number);
    assert_int_equal(number, 7);
    ranks_close(r);
}

/* ---- the queue ---------------------------------------------------------------------------------
 */

static size_t todo[SHARDS]; /* odd ones first */

/* Takes shards until none is left; fails at shard `bad`. */
static void work(struct part *p, struct ranks *r, size_t count, size_t bad)
{
    struct progress progress;
    struct work_queue *q;
    size_t shard;
    progress_begin(&progress, "test", 3 * SHARDS, 0);
    p->status = queue_open(r, todo, count, &progress, &q, &p->err);
    if (p->status != OK)
        return;
    enum status mine = OK;
    while (mine == OK && queue_take(q, &shard)) {
        p->taken[shard]++;
        nap((long)(shard * 37 % 11) * 50);
        if (shard == bad)
            mine = (fail)(&p->err, E_IO, "shard %zu cannot be", shard);
        for (int i = 0; i < 3 && mine == OK; i++)
            if (!queue_add_images(q, 1)) {
                p->was_halted = true;
                mine = (fail)(&p->err, E_STOPPED, "halted");
            }
        if (mine == OK)
            queue_done(q, shard);
    }
    p->status = queue_close(q, mine, &p->tally, &p->err);
    p->images = progress.done;
}

static void whole_queue(struct part *p, struct ranks *r)
{
    work(p, r, SHARDS, SHARDS);
}

static void empty_queue(struct part *p, struct ranks *r)
{
    work(p, r, 0, SHARDS);
}

static void queue_fails(struct part *p, struct ranks *r)
{
    work(p, r, SHARDS, todo[SHARDS / 2]);
}

/* The failing rank is slow to start, the others wait inside a shard that has no end but HALT. */
static void one_fails_the_others_are_halted(struct part *p, struct ranks *r)
{
    struct progress progress;
    struct work_queue *q;
    size_t shard;
    progress_begin(&progress, "test", SHARDS, 0);
    p->status = queue_open(r, todo, SHARDS, &progress, &q, &p->err);
    if (p->status != OK || !queue_take(q, &shard))
        abort();
    enum status mine;
    if (p->rank == p->count - 1) {
        nap(20000);
        mine = (fail)(&p->err, E_NOMEM, "out of memory");
    } else {
        while (queue_add_images(q, 0))
            nap(300);
        p->was_halted = true;
        mine = (fail)(&p->err, E_STOPPED, "halted");
    }
    p->status = queue_close(q, mine, &p->tally, &p->err);
}

static void every_shard_is_taken_once(void **state)
{
    (void)state;
    struct part p[RANKS];
    for (int count = 1; count <= RANKS; count++) {
        play(p, count, whole_queue);
        size_t done_by_others = 0;
        for (int s = 0; s < SHARDS; s++) {
            int taken = 0;
            for (int i = 0; i < count; i++)
                taken += p[i].taken[s];
            assert_int_equal(taken, 1);
            done_by_others += 1 - (size_t)p[0].taken[s];
        }
        for (int i = 0; i < count; i++)
            assert_int_equal(p[i].status, OK);
        assert_int_equal(p[0].tally.done_count, done_by_others);
        for (size_t i = 0; i < done_by_others; i++)
            assert_int_equal(p[0].taken[p[0].tally.done[i]], 0);
        assert_int_equal(p[0].images, 3 * SHARDS);
        assert_true(p[0].tally.peak_mib > 0);
        if (count > 1)
            assert_true(done_by_others > 0);
        free(p[0].tally.done);
        play(p, count, empty_queue);
        for (int i = 0; i < count; i++)
            assert_int_equal(p[i].status, OK);
        free(p[0].tally.done);
    }
}

static void failure_ends_all(void **state)
{
    (void)state;
    struct part p[RANKS];
    for (int count = 1; count <= RANKS; count++) {
        play(p, count, queue_fails);
        int taken = 0;
        for (int i = 0; i < count; i++) {
            assert_int_equal(p[i].status, E_IO);
            assert_non_null(strstr(p[i].err.text, "cannot be"));
            assert_string_equal(p[i].err.text, p[0].err.text);
            for (int s = 0; s < SHARDS; s++)
                taken += p[i].taken[s];
        }
        assert_in_range(taken, SHARDS / 2, SHARDS - 1);
        free(p[0].tally.done);
    }
    play(p, RANKS, one_fails_the_others_are_halted);
    for (int i = 0; i < RANKS; i++) {
        assert_int_equal(p[i].status, E_NOMEM);
        assert_non_null(strstr(p[i].err.text, "rank 4 on "));
        assert_true(p[i].was_halted || i == RANKS - 1);
    }
    free(p[0].tally.done);
}

int main(void)
{
    for (int i = 0; i < RANKS; i++)
        pthread_mutex_init(&offices[i].lock, NULL);
    for (size_t i = 0; i < SHARDS; i++)
        todo[i] = i < SHARDS / 2 ? 2 * i + 1 : 2 * (i - SHARDS / 2);
    return RUN_TESTS(NULL, NULL, TEST(alone_is_as_simple_as_it_sounds),
                     TEST(ranks_agree_on_one_failure), TEST(every_shard_is_taken_once),
                     TEST(failure_ends_all));
}
