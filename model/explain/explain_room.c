/* How many images an explainer takes at a time, and whether it keeps what the forward pass
 * computed, so that it fits into the memory that it may take. Decided from the sizes that its
 * sweeps will have, before any of them is opened. */
#include "explainer.h"

/* So many images at a time keep a GPU busy, and layers' activations are kept where they fit. */
enum { ENOUGH = 32 };

static bool on_host(const struct explainer *ex)
{
    for (int i = 0; i < PASSES; i++)
        if (ex->passes[i].be != NULL)
            return ex->passes[i].be->lane_images > 0;
    return true;
}

/* What is held whatever the number of images: weights, and images that methods begin at. */
static size_t fixed_bytes(const struct explainer *ex)
{
    size_t bytes = 0, side = (size_t)ex->model->geo.image_size;
    for (int i = 0; i < PASSES; i++) {
        const struct pass *p = &ex->passes[i];
        bytes += p->weight_bytes;
        if (pass_needs_references(p))
            bytes += (size_t)ex->references * 3 * side * side;
    }
    return bytes;
}

static enum status measure(const struct explainer *ex, int n, enum sweep_layers layers,
                           size_t *bytes, struct error *err)
{
    *bytes = 0;
    for (int i = 0; i < PASSES; i++) {
        const struct pass *p = &ex->passes[i];
        size_t own;
        if (p->job_count == 0)
            continue;
        const struct sweep_on on = pass_on(p);
        int images = p->be->lane_images > 0 ? p->be->lane_images : n;
        TRY(sweep_measure(p->model, &on, p->jobs, p->job_count, images, layers, &own, err));
        *bytes += own * (size_t)p->be->lanes;
    }
    return OK;
}

/* The most images at a time that take no more than `bytes`; 0: not even one does. */
static enum status most_images(const struct explainer *ex, enum sweep_layers layers, size_t bytes,
                               int *most, struct error *err)
{
    int low = 0, high = ex->batch;
    while (low < high) {
        int middle = high - (high - low) / 2;
        size_t need;
        TRY(measure(ex, middle, layers, &need, err));
        if (need <= bytes)
            low = middle;
        else
            high = middle - 1;
    }
    *most = low;
    return OK;
}

static enum status refuse(const struct explainer *ex, struct explain_room *room,
                          enum sweep_layers layers, struct error *err)
{
    TRY(measure(ex, 1, layers, &room->needed, err));
    room->needed += fixed_bytes(ex);
    return fail(err, E_NOMEM,
                "explaining one image at a time takes %.1f MiB of memory, and %.1f MiB are left "
                "for it",
                (double)room->needed / 1048576.0, (double)room->bytes / 1048576.0);
}

enum status explainer_choose_images(struct explainer *ex, struct explain_room *room,
                                    struct error *err)
{
    size_t fixed = fixed_bytes(ex), need;
    ex->at_once = ex->batch;
    ex->layers = LAYERS_AUTO;
    if (room == NULL)
        return OK;
    size_t left = room->bytes > fixed ? room->bytes - fixed : 0;
    if (on_host(ex)) {
        TRY(measure(ex, 1, LAYERS_AUTO, &need, err));
        return need <= left ? OK : refuse(ex, room, LAYERS_AUTO, err);
    }
    int kept, again;
    TRY(most_images(ex, LAYERS_KEPT, left, &kept, err));
    ex->layers = LAYERS_KEPT;
    if (kept < ex->batch && kept < ENOUGH) {
        TRY(most_images(ex, LAYERS_AGAIN, left, &again, err));
        if (again > kept) {
            ex->layers = LAYERS_AGAIN;
            kept = again;
        }
    }
    if (kept == 0)
        return refuse(ex, room, LAYERS_AGAIN, err);
    int parts = (ex->batch + kept - 1) / kept; /* as even as can be */
    ex->at_once = (ex->batch + parts - 1) / parts;
    return OK;
}

int explainer_images(const struct explainer *ex)
{
    return on_host(ex) ? ex->batch : ex->at_once;
}

size_t explainer_bytes(const struct explainer *ex)
{
    size_t bytes = fixed_bytes(ex);
    for (int i = 0; i < PASSES; i++) {
        const struct pass *p = &ex->passes[i];
        for (int k = 0; p->be != NULL && k < p->be->lanes; k++)
            bytes += sweep_bytes(p->sweeps[k]);
    }
    return bytes;
}
