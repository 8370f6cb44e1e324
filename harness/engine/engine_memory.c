/* What a run takes of its device: how much it may, how many images a batch has where nobody says,
 * and what is left for explanations. */
#include <math.h>
#include <stdio.h>

#include "engine_kinds.h"

/* Images a batch. On a GPU rates rise up to the most that is tried (docs/gpu.md); several batches a
 * run, so that one is loaded while another is worked on. */
enum { HOST = 8, FEW_LANES = 4, USUAL = 64, MOST = 512, BATCHES = 4 };

/* What is left to operations' scratch and to the driver: a gibibyte, and a 32nd of the device; of a
 * device with little left a quarter of that. */
static size_t margin(size_t available, size_t total)
{
    size_t most = ((size_t)1 << 30) + total / 32;
    return most < available / 4 ? most : available / 4;
}

void engine_choose_memory(struct engine *e)
{
    struct engine_info *info = &e->info;
    const struct backend *be = e->backend;
    size_t available = 0, total = 0;
    info->memory = e->options.memory;
    if (info->memory == 0 && be->memory != NULL) {
        be->memory(e->backend, &available, &total);
        info->memory = available - margin(available, total);
    }
    info->batch = e->options.batch;
    if (info->batch > 0)
        return;
    /* On a CPU a lane takes one image, and the batch keeps all lanes busy. On a GPU one call works
     * on the whole batch. */
    bool few = info->on_host && be->lanes <= FEW_LANES;
    info->batch = few ? HOST : info->on_host ? 2 * be->lanes : USUAL;
    snprintf(info->batch_why, sizeof info->batch_why, "%s",
             few             ? "enough for few threads"
             : info->on_host ? "two images a thread"
                             : "what is usual on a GPU");
}

static size_t beside_bytes(const struct engine *e, int batch)
{
    return e->beside.bytes != NULL ? e->beside.bytes(e->beside.context, batch) : 0;
}

void engine_choose_batch(struct engine *e, size_t (*activations)(const struct engine *, int batch))
{
    struct engine_info *info = &e->info;
    const char *why = "rates hardly rise beyond it";
    int n = MOST;
    if (e->options.batch > 0 || info->on_host)
        return;
    for (; n > 1; n /= 2) {
        if (n > USUAL && e->beside.images > 0 && (size_t)n * BATCHES > e->beside.images) {
            why = "as many as leave several batches to the run";
            continue;
        }
        if (info->memory == 0 || activations(e, n) + beside_bytes(e, n) <= info->memory / 2)
            break;
        why = "the most whose passes and maps fit into half of the memory";
    }
    info->batch = info->busy = n;
    snprintf(info->batch_why, sizeof info->batch_why, "%s", why);
}

/* Whatever the explanations are: weights, activations, what the user has. */
static size_t taken(const struct engine *e)
{
    const struct engine_info *info = &e->info;
    size_t own =
        e->backend->memory != NULL ? e->backend->held : info->weight_bytes + info->workspace_bytes;
    return own + info->beside_bytes;
}

/* Of a model with fresh weights, which borrows none of the net's as the run's own explanations do.
 */
static size_t altered_weights(const struct engine *e)
{
    return e->beside.altered ? e->info.weight_bytes : 0;
}

struct explain_room *engine_room(struct engine *e, struct explain_room *room)
{
    struct engine_info *info = &e->info;
    e->refused = false;
    info->beside_bytes = beside_bytes(e, info->batch);
    e->taken = taken(e);
    size_t used = e->taken + altered_weights(e);
    size_t left = info->memory > used ? info->memory - used : 0;
    room->bytes = e->beside.altered ? left / 2 : left;
    e->altered_room = left / 2 + altered_weights(e);
    return info->memory > 0 ? room : NULL;
}

enum status engine_refuse_memory(struct engine *e, const struct explain_room *room,
                                 struct error *err)
{
    const double mebibyte = 1048576.0;
    const char *plural = e->info.batch == 1 ? "" : "s";
    e->refused = true;
    size_t least = e->taken + altered_weights(e) + (e->beside.altered ? 2 : 1) * room->needed;
    double would = ceil((double)least / mebibyte * 10) / 10;
    if (e->options.memory == 0)
        return fail(err, E_NOMEM,
                    "a batch of %d image%s and the explanation of one of them at a time take %.1f "
                    "MiB of the device, and %.0f MiB may be taken; a smaller compute.batch would "
                    "fit",
                    e->info.batch, plural, would, (double)e->info.memory / mebibyte);
    return fail_key(err, E_CONFIG, "compute.memory",
                    "too little for a batch of %d image%s, which takes %.1f MiB, and the "
                    "explanation of one of them at a time, which takes %.1f; should be at least "
                    "%.1f%s",
                    e->info.batch, plural, (double)e->taken / mebibyte,
                    (double)(least - e->taken) / mebibyte, would,
                    e->info.batch > 1 ? ", or compute.batch smaller" : "");
}

bool engine_halve_choice(struct engine *e)
{
    struct engine_info *info = &e->info;
    if (!e->refused || e->options.batch > 0 || info->on_host || info->batch < 2)
        return false;
    info->batch = info->busy = info->batch / 2;
    snprintf(info->batch_why, sizeof info->batch_why, "the most that leaves room to explain");
    return true;
}

const char *engine_batch_text(const struct engine *e, char *text, size_t size)
{
    const struct engine_info *info = &e->info;
    char once[60] = "";
    if (info->at_once > 0 && info->at_once < info->batch)
        snprintf(once, sizeof once, "; %d explained at a time", info->at_once);
    if (info->batch_why[0] != '\0')
        snprintf(text, size, "%d (%s)%s", info->batch, info->batch_why, once);
    else
        snprintf(text, size, "%d%s", info->batch, once);
    return text;
}
