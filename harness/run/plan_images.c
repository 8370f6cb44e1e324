/* The images of its data set that a plan takes, and their order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataset_view.h"
#include "plan_internal.h"
#include "subset.h"

static const char random_prefix[] = "random ";

enum status plan_take_images(struct plan *p, struct error *err)
{
    const struct config_values *v = p->v;
    size_t limit = (size_t)v->run.limit;
    char order[sizeof p->order];
    p->total = p->images = p->data->count;
    snprintf(p->order, sizeof p->order, "natural");
    if (p->total == 0)
        return config_fail(p->config, &v->data.path, err, "the data set has no images");
    if (limit == 0 || limit >= p->total)
        return OK;
    p->images = limit;
    if (v->data.subset == SUBSET_FIRST)
        return OK;
    if (v->data.subset == SUBSET_RANDOM)
        snprintf(order, sizeof order, "%s%lld", random_prefix, (long long)v->run.seed);
    else
        snprintf(order, sizeof order, "%s", subset_names[v->data.subset]);
    return plan_set_order(p, order, err);
}

enum status plan_set_order(struct plan *p, const char *order, struct error *err)
{
    size_t count = p->data->count, *indices;
    enum subset subset = SUBSET_EVEN;
    uint64_t seed = 0;
    if (strcmp(order, p->order) == 0)
        return OK;
    if (strncmp(order, random_prefix, strlen(random_prefix)) == 0) {
        subset = SUBSET_RANDOM;
        seed = strtoull(order + strlen(random_prefix), NULL, 10);
    } else if (strcmp(order, subset_names[SUBSET_EVEN]) != 0) {
        return fail(err, E_CONFIG, "images in an order '%.40s' that this evalh does not know",
                    order);
    }
    if ((indices = calloc(count + 1, sizeof *indices)) == NULL)
        return fail(err, E_NOMEM, "no memory for the order of %zu images", count);
    enum status status = subset_order(p->data, subset, seed, indices, err);
    if (status != OK) {
        free(indices);
        return status;
    }
    struct dataset *inner = p->data;
    p->data = NULL;
    TRY(dataset_view(inner, indices, count, &p->data, err));
    p->indices = indices; /* the view's */
    snprintf(p->order, sizeof p->order, "%s", order);
    return OK;
}
