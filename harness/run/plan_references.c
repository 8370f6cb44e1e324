/* The images of the data set that a method's paths begin at: evenly over the set in its own order,
 * whatever part of it a run takes, so that a map does not depend on the run it is made in. */
#include <stdlib.h>
#include <string.h>

#include "loader.h"
#include "log.h"
#include "plan_internal.h"

/* Where image `index` of the data set's own order stands in `data`. */
static size_t place_of(const struct plan *p, size_t index)
{
    size_t at = index;
    for (size_t i = 0; p->indices != NULL && i < p->data->count; i++)
        if (p->indices[i] == index)
            at = i;
    return at;
}

/* The first image from `index` on that can be read, in the set's own order, which begins anew at
 * its end. */
static enum status load_from(const struct plan *p, size_t index, uint8_t *rgb, size_t *place,
                             struct error *err)
{
    enum { TRIES = 32 };
    enum status status = E_DATA;
    for (size_t i = 0; i < TRIES && (status == E_DATA || status == E_IO); i++) {
        *place = place_of(p, (index + i) % p->data->count);
        status = loader_one(p, *place, rgb, NULL, NULL, err);
        if (status == E_DATA || status == E_IO)
            log_warn("image %s is no beginning of paths: %s", p->data->ids[*place], err->text);
    }
    return status;
}

/* Evenly: the middles of `count` parts of the set. */
static enum status load_all(struct plan *p, size_t count, uint8_t *rgb, struct error *err)
{
    size_t side = (size_t)p->engine->info.image_size, used = 0, place;
    for (size_t i = 0; i < count; i++) {
        size_t index = (2 * i + 1) * p->data->count / (2 * count);
        TRY(load_from(p, index, rgb + i * 3 * side * side, &place, err));
        size_t length = strlen(p->data->ids[place]);
        char *longer = realloc(p->references, used + length + 2);
        if (longer == NULL)
            return fail(err, E_NOMEM, "out of memory");
        memcpy(longer + used, p->data->ids[place], length);
        used += length;
        longer[used++] = '\n';
        longer[used] = '\0';
        p->references = longer;
    }
    p->references[used - 1] = '\0';
    return OK;
}

enum status plan_take_references(struct plan *p, struct error *err)
{
    size_t side = (size_t)p->engine->info.image_size, count = p->data->count;
    bool wanted = false;
    for (int i = 0; i < p->method_count; i++)
        wanted = wanted || p->methods[i]->references;
    if (!wanted)
        return OK;
    if (count > (size_t)p->v->explain.options.references)
        count = (size_t)p->v->explain.options.references;
    uint8_t *rgb = malloc(count * 3 * side * side);
    enum status status = rgb == NULL ? fail(err, E_NOMEM, "no memory for %zu images", count)
                                     : load_all(p, count, rgb, err);
    if (status == OK)
        return engine_references(p->engine, rgb, (int)count, err);
    free(rgb);
    return status;
}
