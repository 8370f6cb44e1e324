/* time_queue SHARDS [MICROSECONDS]: what it costs to hand out shards. Every rank takes shards until
 * none is left and does nothing with them, or computes for so long on each. Under mpirun; prints
 * per shard the time a rank waits for it and the processor time that rank 0's clerk takes. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "work_queue.h"

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void compute(double span)
{
    for (double end = seconds(CLOCK_THREAD_CPUTIME_ID) + span;
         seconds(CLOCK_THREAD_CPUTIME_ID) < end;)
        ;
}

int main(int argc, char **argv)
{
    size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000, mine = 0, shard;
    double span = argc > 2 ? strtod(argv[2], NULL) * 1e-6 : 0;
    size_t *todo = calloc(count + 1, sizeof *todo);
    struct ranks *r;
    struct work_queue *q;
    struct queue_tally tally;
    struct progress progress;
    struct error err;
    if (todo == NULL || ranks_open(&r, &err) != OK)
        return 1;
    progress_begin(&progress, "time_queue", count, 0);
    if (queue_open(r, todo, count, &progress, &q, &err) != OK)
        return 1;
    double began = seconds(CLOCK_MONOTONIC), waited = 0;
    double before = seconds(CLOCK_THREAD_CPUTIME_ID);
    for (;;) {
        double asked = seconds(CLOCK_MONOTONIC);
        bool any = queue_take(q, &shard);
        waited += seconds(CLOCK_MONOTONIC) - asked;
        if (!any)
            break;
        mine++;
        compute(span);
        queue_add_images(q, 1);
        queue_done(q, shard);
    }
    double own = seconds(CLOCK_THREAD_CPUTIME_ID) - before;
    enum status status = queue_close(q, OK, &tally, &err);
    double all = seconds(CLOCK_MONOTONIC) - began;
    double process = seconds(CLOCK_PROCESS_CPUTIME_ID), after = seconds(CLOCK_THREAD_CPUTIME_ID);
    if (ranks_lead(r))
        printf("%d ranks, %zu shards in %.3f s; rank 0 took %zu and its clerk %.1f us of processor "
               "a shard of the others'\n",
               ranks_count(r), count, all, mine,
               (process - after) / (double)(count - mine + 1) * 1e6);
    else if (mine > 0)
        printf("another rank took %zu, waited %.1f us for each and used %.1f us of processor\n",
               mine, waited / (double)mine * 1e6, own / (double)mine * 1e6 - span * 1e6);
    free(tally.done);
    free(todo);
    ranks_close(r);
    return status != OK;
}
