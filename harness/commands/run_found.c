#include "run_found.h"

/* What the run works on: the model, what precision it explains in (explain.precision = auto may
 * mean another one in another version), and the data set. */
static void list_sources(const struct plan *plan, struct store_identity *id)
{
    const struct engine_info *info = &plan->engine->info;
    for (int i = 0; i < info->identity_count; i++)
        if (info->identity[i].decides)
            id->source[id->source_count++] =
                (struct store_source){ info->identity[i].name, info->identity[i].text,
                                       info->identity[i].noun };
    if (plan->explained_in[0] != '\0')
        id->source[id->source_count++] =
            (struct store_source){ "explained_in", plan->explained_in, "explain.precision" };
    id->source[id->source_count++] =
        (struct store_source){ "dataset_fingerprint", plan->data->fingerprint, "data set" };
}

void run_identity(const struct plan *plan, int ranks, struct store_identity *id)
{
    *id = (struct store_identity){ .config = plan->config,
                                   .device = plan->engine->info.device,
                                   .images = plan->images,
                                   .total = plan->total,
                                   .order = plan->order,
                                   .contents = plan->data->contents,
                                   .shard_size = plan_shard_size(plan, ranks) };
    list_sources(plan, id);
    for (size_t i = 0; i < plan->images; i++)
        if (plan->data->changed[i] > id->newest) {
            id->newest = plan->data->changed[i];
            id->newest_name = plan->data->ids[i];
        }
}

enum status run_look(const struct plan *plan, bool known, int ranks, bool fresh,
                     struct store_found *found, struct error *err)
{
    struct store_identity id = { 0 };
    if (known)
        run_identity(plan, ranks, &id);
    return store_look(plan->v->run.output, &id, fresh, found, err);
}

const char *run_found_text(const struct store_found *f, char *out, size_t size)
{
    out[0] = '\0';
    if (f->complete)
        snprintf(out, size, "complete already: nothing would be done; --fresh makes it anew");
    else if (f->done > 0)
        snprintf(out, size, "%zu of %zu shards are done; the run goes on from there", f->done,
                 f->shards);
    else if (f->extendable > 0)
        snprintf(out, size, "a run of %zu images is done; this one goes on from there",
                 f->extendable);
    return out;
}
