/* Fresh weights, initialised as the published code does, for the model-randomisation control
 * (Adebayo et al. 2018; SPEC 5.6). */
#include "randomise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "free_all.h"
#include "random.h"
#include "refresh.h"

bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

static void fill_normal(struct tensor *t, uint64_t *state, double std)
{
    for (size_t i = 0; i < t->count; i++)
        t->data[i] = (float)(std * random_normal(state));
}

void fill_uniform(struct tensor *t, uint64_t *state, double bound)
{
    for (size_t i = 0; i < t->count; i++)
        t->data[i] = (float)(bound * (2 * random_uniform(state) - 1));
}

void fill_constant(struct tensor *t, float value)
{
    for (size_t i = 0; i < t->count; i++)
        t->data[i] = value;
}

void tensor_initialise(const struct arch_type *type, struct tensor *t, uint64_t *state)
{
    if (type->initialise != NULL && type->initialise(t, state))
        return;
    if (strstr(t->name, "norm") != NULL)
        fill_constant(t, ends_with(t->name, ".bias") ? 0 : 1);
    else if (ends_with(t->name, ".bias"))
        fill_constant(t, 0);
    else
        fill_normal(t, state, 0.02); /* the linear layers of every architecture so far */
}

/* The layer to which a tensor belongs, or -1. */
static int layer_of(const struct arch_type *type, const char *name)
{
    size_t prefix = strlen(type->tensors.layers);
    int layer = -1;
    if (strncmp(name, type->tensors.layers, prefix) != 0 ||
        sscanf(name + prefix, "%d.", &layer) != 1)
        return -1;
    return layer;
}

static struct checkpoint *copy_checkpoint(const struct checkpoint *from)
{
    struct checkpoint *ck = calloc(1, sizeof *ck);
    if (ck == NULL)
        return NULL;
    ck->tensors = calloc(from->count, sizeof *ck->tensors);
    ck->path = strdup(from->path);
    ck->format = from->format;
    memcpy(ck->sha256, from->sha256, sizeof ck->sha256);
    bool ok = ck->tensors != NULL && ck->path != NULL;
    for (size_t i = 0; ok && i < from->count; i++) {
        struct tensor *t = &ck->tensors[ck->count++];
        *t = from->tensors[i];
        t->name = strdup(from->tensors[i].name);
        t->data = malloc(t->count * sizeof *t->data);
        ok = t->name != NULL && t->data != NULL;
        if (ok)
            memcpy(t->data, from->tensors[i].data, t->count * sizeof *t->data);
    }
    if (ok)
        return ck;
    checkpoint_close(ck);
    return NULL;
}

/* The model with a checkpoint of its own. */
static enum status copy_model(const struct model *model, struct model **out, struct error *err)
{
    struct model *m = calloc(1, sizeof *m);
    struct checkpoint *ck = copy_checkpoint(model->checkpoint);
    if (m == NULL || ck == NULL) {
        free(m);
        checkpoint_close(ck);
        return fail(err, E_NOMEM, "out of memory for a randomised copy of %s",
                    model->checkpoint->path);
    }
    *m = *model;
    m->checkpoint = ck;
    m->notes = (struct notes){ 0 };
    notes_copy(&m->notes, &model->notes);
    *out = m;
    return OK;
}

/* Whether model_randomise gives this tensor fresh values. */
static bool is_fresh(const struct model *m, const char *name, int layers)
{
    return strncmp(name, "head.", 5) == 0 || layer_of(m->type, name) >= m->geo.depth - layers;
}

enum status model_randomise(const struct model *model, int layers, uint64_t seed,
                            struct model **out, struct error *err)
{
    uint64_t state = seed;
    TRY(copy_model(model, out, err));
    for (size_t i = 0; i < (*out)->checkpoint->count; i++) {
        struct tensor *t = &(*out)->checkpoint->tensors[i];
        if (is_fresh(model, t->name, layers))
            tensor_initialise(model->type, t, &state);
    }
    if (model->type->tie != NULL)
        model->type->tie((*out)->checkpoint, &model->geo);
    return OK;
}

void model_randomise_again(struct model *own, const struct model *model, int layers, bool *parts)
{
    for (int part = 1; part <= model->geo.depth && part <= layers; part++)
        parts[part] = false; /* a layer is fresh as a whole */
    for (size_t i = 0; i < own->checkpoint->count; i++) {
        struct tensor *t = &own->checkpoint->tensors[i];
        if (parts[model_part_of(model, t->name)] && !is_fresh(model, t->name, layers))
            memcpy(t->data, model->checkpoint->tensors[i].data, t->count * sizeof *t->data);
    }
    if (model->type->tie != NULL)
        model->type->tie(own->checkpoint, &model->geo);
}

/* ---- parts ---- */

int model_parts(const struct model *m)
{
    return m->geo.depth + 2;
}

/* What comes before the layers makes tokens: its tensors are embeddings or tokens by name, in all
 * code that has been seen, or a norm or a rotation of these. */
int model_part_of(const struct model *m, const char *tensor)
{
    int layer = layer_of(m->type, tensor);
    if (layer >= 0)
        return m->geo.depth - layer;
    bool before = strstr(tensor, "embed") != NULL || strstr(tensor, "token") != NULL ||
                  strncmp(tensor, "norm_pre.", 9) == 0 || strncmp(tensor, "rope.", 5) == 0;
    return before ? m->geo.depth + 1 : 0;
}

enum status model_refresh(const struct model *model, uint64_t seed, struct model **out,
                          struct error *err)
{
    uint64_t state = seed;
    TRY(copy_model(model, out, err));
    for (size_t i = 0; i < (*out)->checkpoint->count; i++)
        tensor_initialise(model->type, &(*out)->checkpoint->tensors[i], &state);
    if (model->type->tie != NULL)
        model->type->tie((*out)->checkpoint, &model->geo);
    return OK;
}

enum status model_blend(const struct model *model, const struct model *fresh, int first, int count,
                        struct model **out, struct error *err)
{
    size_t tensors = model->checkpoint->count;
    struct model *m = malloc(sizeof *m);
    struct checkpoint *ck = malloc(sizeof *ck);
    struct tensor *t = malloc((tensors + 1) * sizeof *t);
    if (m == NULL || ck == NULL || t == NULL) {
        FREE_ALL(m, ck, t);
        return fail(err, E_NOMEM, "out of memory for a randomised copy of %s",
                    model->checkpoint->path);
    }
    memcpy(t, model->checkpoint->tensors, tensors * sizeof *t);
    *ck = *model->checkpoint;
    ck->tensors = t;
    *m = *model;
    m->checkpoint = ck;
    model_blend_again(m, model, fresh, first, count, NULL);
    *out = m;
    return OK;
}

void model_blend_again(struct model *blend, const struct model *model, const struct model *fresh,
                       int first, int count, bool *parts)
{
    struct tensor *t = blend->checkpoint->tensors;
    for (int i = 0; parts != NULL && i < model_parts(model); i++)
        parts[i] = false;
    for (size_t i = 0; i < model->checkpoint->count; i++) {
        int part = model_part_of(model, t[i].name);
        bool new = part >= first &&part < first + count;
        struct tensor of = (new ? fresh : model)->checkpoint->tensors[i];
        if (parts != NULL)
            parts[part] |= t[i].data != of.data;
        t[i] = of;
    }
}

void model_blend_close(struct model *m)
{
    if (m == NULL)
        return;
    FREE_ALL(m->checkpoint->tensors, m->checkpoint, m);
}
