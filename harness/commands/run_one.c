#include "run_one.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "accuracy.h"
#include "free_all.h"
#include "loader.h"
#include "log.h"
#include "progress.h"
#include "published.h"
#include "run_found.h"
#include "runner.h"
#include "stop.h"
#include "store.h"
#include "suggest.h"
#include "summary.h"
#include "task.h"
#include "version.h"
#include "work_queue.h"

/* A run on this rank. */
struct execution {
    struct ranks *ranks;
    struct plan *plan;
    const char *again; /* the command that goes on */
    struct store *store;
    struct runner *runner;
    struct progress progress; /* rank 0 */
    double peak_mib;          /* of the rank that used most */
    bool checked;             /* at the accuracy of the first shard */
    struct work_queue *queue; /* while shards are worked on */
    size_t in_hand;           /* images of a batch */
};

/* The engine's listener: a first batch can take minutes. */
static void hear_passes(void *run, size_t passes)
{
    struct execution *r = run;
    queue_passed(r->queue, passes, r->in_hand, plan_forwards(r->plan) * r->in_hand);
}

/* ---- shards -----------------------------------------------------------------------------------
 */

/* Warns after the first shard already, because that may spare days of work. */
static void check_accuracy(struct execution *r, size_t count)
{
    const struct records *k = runner_records(r->runner);
    int label = records_find(k, "images/label"), top1 = records_find(k, "images/predicted");
    int status = records_find(k, "images/status");
    char doubt[400];
    if (r->checked || !ranks_lead(r->ranks) || label < 0 || top1 < 0 || status < 0)
        return;
    r->checked = true;
    const struct accuracy_counts c =
        accuracy_count(records_i32(k, label, 0), records_i32(k, top1, 0), records_u8(k, status, 0),
                       count, r->plan->engine->info.classes);
    const struct plan *p = r->plan;
    const struct engine_weights *w = &p->engine->info.weights;
    double expected = published_top1(w->how == WEIGHTS_UNKNOWN ? NULL : &w->published,
                                     p->data->kind->name, p->v->data.preprocess == PREPROCESS_EVAL);
    if (accuracy_doubt(&c, expected, doubt, sizeof doubt))
        log_warn("%s: after the first shard: %s", r->plan->v->run.name, doubt);
}

static enum status work(struct execution *r, struct work_queue *queue, struct error *err)
{
    size_t shard, first, count, batch = (size_t)r->plan->engine->info.batch;
    while (queue_take(queue, &shard)) {
        store_range(r->store, shard, &first, &count);
        r->in_hand = count < batch ? count : batch;
        enum status status = runner_shard(r->runner, first, count, queue_add_images, queue, err);
        if (status == OK)
            status = store_put(r->store, shard, runner_records(r->runner), err);
        if (status == OK)
            queue_done(queue, shard);
        if (status == OK)
            check_accuracy(r, count);
        if (status == E_STOPPED || (status == OK && stop_requested()))
            return fail(err, E_STOPPED, "stopped by signal %d", stop_signal());
        TRY(status);
    }
    return OK;
}

/* Rank 0 says, after a failure, what is stored and how to continue. */
static void tell_what_is_kept(struct execution *r, enum status status, struct error *err)
{
    size_t done = store_done(r->store), shards = store_shards(r->store);
    if (status == E_STOPPED) {
        char text[64];
        snprintf(text, sizeof text, "%.60s", err->text);
        fail(err, E_STOPPED, "%s: %zu of %zu shards are done", text, done, shards);
    } else if (done > 0) {
        log_info("%zu of %zu shards are done and kept in %s.parts", done, shards,
                 r->plan->v->run.output);
    }
    if (done > 0 || status == E_STOPPED)
        log_info("this goes on from there: %s", r->again);
}

static enum status run_shards(struct execution *r, struct error *err)
{
    struct work_queue *queue;
    struct queue_tally tally;
    size_t missing = 0;
    size_t *todo = malloc((store_shards(r->store) + 1) * sizeof *todo);
    enum status status = OK;
    if (todo == NULL)
        status = fail(err, E_NOMEM, "out of memory for %zu shards", store_shards(r->store));
    for (size_t i = 0; todo != NULL && i < store_shards(r->store); i++)
        if (!store_has(r->store, i))
            todo[missing++] = i;
    status = ranks_agree(r->ranks, status, err);
    if (status == OK)
        status = queue_open(r->ranks, todo, missing, &r->progress, &queue, err);
    if (status == OK) {
        r->queue = queue;
        engine_listen(r->plan->engine, hear_passes, r);
        status = work(r, queue, err);
        engine_listen(r->plan->engine, NULL, NULL);
        status = queue_close(queue, status, &tally, err);
        for (size_t i = 0; i < tally.done_count; i++)
            store_note(r->store, tally.done[i]);
        free(tally.done);
        r->peak_mib = tally.peak_mib;
    }
    free(todo);
    return status;
}

/* ---- the result -------------------------------------------------------------------------------
 */

static void list_controls(const struct plan *plan, char *out, size_t size)
{
    const char *names[PLAN_METHODS];
    size_t count = 0;
    for (int i = 0; i < plan->method_count; i++)
        if (plan->methods[i]->control)
            names[count++] = plan->methods[i]->name;
    join_words(out, size, names, count);
}

/* Attributes of the run that the store does not know itself. */
struct description {
    char created[32], controls[512], batch[240];
    struct store_attribute attribute[ENGINE_IDENTITIES + 16];
    size_t count;
};

static void describe(const struct plan *plan, struct description *d)
{
    struct tm utc;
    time_t now = time(NULL);
    const struct engine_info *info = &plan->engine->info;
    gmtime_r(&now, &utc);
    strftime(d->created, sizeof d->created, "%Y-%m-%dT%H:%M:%SZ", &utc);
    list_controls(plan, d->controls, sizeof d->controls);
    const struct store_attribute known[] = {
        { "evalh_version", EVALH_VERSION, 0, false },
        { "git_commit", EVALH_COMMIT, 0, false },
        { "protocol", protocol_names[plan->v->run.protocol], 0, false },
        { "arch", info->name, 0, false },
        { "model", info->weights.title, 0, false },
        { "dataset", plan->data->kind->name, 0, false },
        { "preprocess", preprocess_names[plan->v->data.preprocess], 0, false },
        { "precision", precision_names[info->precision], 0, false },
        { "created_utc", d->created, 0, false },
        { "controls", d->controls, 0, false },
        { "batch", engine_batch_text(plan->engine, d->batch, sizeof d->batch), 0, false },
        { "image_size", NULL, info->image_size, true },
        { "classes", NULL, info->classes, true },
    };
    memcpy(d->attribute, known, sizeof known);
    d->count = sizeof known / sizeof *known;
    if (plan->references != NULL)
        d->attribute[d->count++] =
            (struct store_attribute){ .name = "references", .text = plan->references };
    for (int i = 0; i < info->identity_count; i++) /* the store writes the identities that decide */
        if (!info->identity[i].decides)
            d->attribute[d->count++] = (struct store_attribute){ .name = info->identity[i].name,
                                                                 .text = info->identity[i].text };
}

static enum status merge(struct execution *r, struct error *err)
{
    struct description d;
    describe(r->plan, &d);
    if (r->progress.before == 0) /* otherwise earlier runs took part of the time */
        d.attribute[d.count++] =
            (struct store_attribute){ .name = "seconds", .number = progress_seconds(&r->progress) };
    TRY(store_await(r->store, err));
    return store_merge(r->store, runner_records(r->runner), d.attribute, d.count, summary_add, err);
}

static void tell_speed(const struct execution *r)
{
    const struct progress *p = &r->progress;
    char ranks[40] = "";
    if (ranks_count(r->ranks) > 1)
        snprintf(ranks, sizeof ranks, " on %d ranks", ranks_count(r->ranks));
    log_info("%s: %zu images in %.1f s%s, %.3f s an image; peak memory %.0f MiB%s", p->name,
             p->done, progress_seconds(p), ranks, progress_seconds(p) / (double)p->done,
             r->peak_mib, *ranks != '\0' ? " in a rank" : "");
    const struct error *given_up = &r->plan->engine->backend->pass_counts.given_up;
    if (given_up->code != OK) /* the numbers are the same, the time may not be */
        log_warn("%s: passes could not be recorded as CUDA graphs: %s", p->name, given_up->text);
}

/* ---- one run ----------------------------------------------------------------------------------
 */

static enum status run_store(struct execution *r, struct error *err)
{
    const struct plan *plan = r->plan;
    size_t before = 0, first, count, largest = 0;
    struct description begun;
    describe(plan, &begun);
    store_describe(r->store, begun.attribute, begun.count);
    for (size_t i = 0; i < store_shards(r->store); i++) {
        store_range(r->store, i, &first, &count);
        largest = count > largest ? count : largest;
    }
    enum status status = runner_open(r->plan, largest, &r->runner, err);
    if (status == OK && ranks_lead(r->ranks))
        status = store_extend(r->store, runner_records(r->runner), err);
    status = ranks_agree(r->ranks, status, err);
    for (size_t i = 0; i < store_shards(r->store); i++) {
        store_range(r->store, i, &first, &count);
        before += store_has(r->store, i) ? count : 0;
    }
    if (before > 0)
        log_info("%s: continuing; %zu of %zu images are done", plan->v->run.name, before,
                 plan->images);
    progress_begin(&r->progress, plan->v->run.name, plan->images, before);
    if (status == OK)
        status = run_shards(r, err);
    progress_break(&r->progress);
    if (status == OK) {
        if (ranks_lead(r->ranks))
            status = merge(r, err);
        status = ranks_agree(r->ranks, status, err);
    }
    runner_close(r->runner);
    if (status != OK && ranks_lead(r->ranks))
        tell_what_is_kept(r, status, err);
    else if (ranks_lead(r->ranks) && r->progress.done > 0)
        tell_speed(r);
    return status;
}

/* What rank 0 knows about the store once it has opened it. */
struct opened {
    bool complete;
    char run_id[65], order[64], contents[65];
    size_t shard_size;
};

/* Rank 0 opens the store and the others join it. Where it is complete already, their *store is
 * NULL. */
static enum status open_store(struct execution *r, bool fresh, bool *complete, struct error *err)
{
    const struct plan *plan = r->plan;
    const char *output = plan->v->run.output;
    struct opened opened = { .complete = false };
    struct store_identity id;
    enum status status = OK;
    run_identity(plan, ranks_count(r->ranks), &id);
    if (ranks_lead(r->ranks))
        status = store_open(output, &id, fresh, &r->store, err);
    TRY(ranks_agree(r->ranks, status, err));
    if (ranks_lead(r->ranks)) {
        opened.complete = store_complete(r->store);
        opened.shard_size = store_shard_size(r->store);
        snprintf(opened.order, sizeof opened.order, "%s", store_order(r->store));
        snprintf(opened.run_id, sizeof opened.run_id, "%s", store_run_id(r->store));
        snprintf(opened.contents, sizeof opened.contents, "%s", plan->data->contents);
    }
    ranks_share(r->ranks, &opened, sizeof opened);
    *complete = opened.complete;
    id.shard_size = opened.shard_size;
    id.order = opened.order;
    if (plan->data->contents[0] != '\0' && opened.contents[0] != '\0' &&
        strcmp(plan->data->contents, opened.contents) != 0)
        status = fail(err, E_CONFIG,
                      "sees other contents of the data set '%s' than rank 0, by a sample of them: "
                      "all ranks need the same files",
                      plan->v->data.path);
    else if (!opened.complete)
        status = plan_set_order(r->plan, opened.order, err);
    TRY(ranks_agree(r->ranks, status, err));
    if (!ranks_lead(r->ranks) && !opened.complete)
        status = store_join(output, &id, opened.run_id, &r->store, err);
    if (r->store != NULL)
        store_set_order(r->store, plan->indices);
    return ranks_agree(r->ranks, status, err);
}

/* Whether any mask of the run holds the object, at the model's size. */
static enum status find_object(const struct plan *plan, bool *found, struct error *err)
{
    size_t pixels = pixel_count(plan);
    uint8_t *rgb = malloc(3 * pixels);
    int8_t *mask = malloc(pixels);
    enum status status = OK;
    *found = false;
    if (rgb == NULL || mask == NULL)
        status = fail(err, E_NOMEM, "no memory for an image");
    for (size_t i = 0; i < plan->images && !*found && status == OK; i++) {
        status = loader_one(plan, i, rgb, mask, NULL, err);
        for (size_t p = 0; p < pixels && status == OK && !*found; p++)
            *found = mask[p] > 0;
        if (status == E_DATA || status == E_IO) /* the run has said so */
            status = OK;
    }
    FREE_ALL(rgb, mask);
    return status;
}

/* Masks without an object are legitimate, and mostly a mistake. */
static enum status judge_masks(const struct plan *plan, const struct summary_counts *c,
                               struct error *err)
{
    bool found = c->objects == OBJECTS_SOME || c->masked == 0;
    if (c->masked > 0 && c->labelled == 0)
        return fail(err, E_DATA,
                    "%s: none of the %zu images that could be read has a labelled pixel (0 or 1) "
                    "in its mask: nothing is scored",
                    plan->v->run.output, c->masked);
    if (c->masked > 0 && c->objects == OBJECTS_UNSEEN)
        TRY(find_object(plan, &found, err));
    if (!found) {
        printf("  no mask of the %zu images holds foreground (1)\n", c->masked);
        fflush(stdout);
        log_warn("%s: no mask of the %zu images holds foreground (1): scores against masks say "
                 "nothing of the heat on objects",
                 plan->v->run.name, c->masked);
    }
    return OK;
}

/* A run that scored nothing has failed, and so has one that lost more images than
 * data.max_unreadable. */
static enum status judge(const struct plan *plan, const struct summary_counts *c, struct error *err)
{
    size_t all = c->scored + c->skipped;
    if (c->doubt[0] != '\0')
        log_warn("%s: %s", plan->v->run.name, c->doubt);
    if (c->scored == 0)
        return fail(err, E_DATA, "%s: none of the %zu images %s: nothing is scored",
                    plan->v->run.output, all, c->why_none);
    /* A product would be rounded: 29 > 0.29 * 100. A quotient is rounded as the key's text is. */
    double share = (double)c->skipped / (double)all;
    if (share > plan->v->data.max_unreadable)
        return fail(err, E_DATA,
                    "%s: %zu of %zu images %s, %.3g %%; data.max_unreadable allows "
                    "%.3g %%",
                    plan->v->run.output, c->skipped, all, c->why_skipped, 100 * share,
                    100 * plan->v->data.max_unreadable);
    return judge_masks(plan, c, err);
}

static enum status tell_result(const struct plan *plan, bool *begun, struct error *err)
{
    struct summary_counts counts;
    printf("%s: %s\n", plan->v->run.name, plan->v->run.output);
    TRY(summary_print(plan->v->run.output, &counts, err));
    fflush(stdout);
    *begun = true; /* errors from here on are errors of the run */
    return judge(plan, &counts, err);
}

enum status run_one(struct ranks *ranks, struct plan *plan, bool fresh, const char *again,
                    bool *begun, struct error *err)
{
    struct execution r = { .ranks = ranks, .plan = plan, .again = again };
    bool complete;
    enum status status = open_store(&r, fresh, &complete, err);
    if (status == OK && complete) {
        log_info("%s: %s is complete already; --fresh makes it anew", plan->v->run.name,
                 plan->v->run.output);
    } else if (status == OK) {
        *begun = true;
        status = run_store(&r, err);
    }
    store_close(r.store);
    if (status == OK && ranks_lead(ranks))
        status = tell_result(plan, begun, err);
    return ranks_agree(ranks, status, err);
}
