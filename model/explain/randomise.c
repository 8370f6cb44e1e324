/* Model-randomisation control (Adebayo et al. 2018; SPEC 5.6): fresh weights for the head and the
 * last layers, as the published code initialises them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "method.h"

static double normal(uint64_t *state) /* Box and Muller 1958 */
{
    double u = 1 - random_uniform(state), v = random_uniform(state);
    return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

static void fill_normal(struct tensor *t, uint64_t *state, double std)
{
    for (size_t i = 0; i < t->count; i++)
        t->data[i] = (float)(std * normal(state));
}

static void fill_uniform(struct tensor *t, uint64_t *state, double bound)
{
    for (size_t i = 0; i < t->count; i++)
        t->data[i] = (float)(bound * (2 * random_uniform(state) - 1));
}

static void fill_constant(struct tensor *t, float value)
{
    for (size_t i = 0; i < t->count; i++)
        t->data[i] = value;
}

/* The mixer's own tensors as Mamba initialises them (Gu and Dao 2023): A_log = log(1..N), D = 1,
 * Δ between 1e-3 and 1e-1 through the inverse softplus. */
static bool fill_mixer(struct tensor *t, uint64_t *state)
{
    if (ends_with(t->name, "_log")) {
        size_t states = (size_t)t->shape[1];
        for (size_t i = 0; i < t->count; i++)
            t->data[i] = (float)log((double)(i % states + 1));
    } else if (ends_with(t->name, ".D") || ends_with(t->name, ".D_b")) {
        fill_constant(t, 1);
    } else if (strstr(t->name, "dt_proj") != NULL && t->ndim == 1) {
        for (size_t i = 0; i < t->count; i++) {
            double dt = exp(random_uniform(state) * (log(0.1) - log(0.001)) + log(0.001));
            t->data[i] = (float)(dt + log(-expm1(-dt)));
        }
    } else if (strstr(t->name, "dt_proj") != NULL) {
        fill_uniform(t, state, 1 / sqrt((double)t->shape[1]));
    } else if (strstr(t->name, "conv1d") != NULL) {
        fill_uniform(t, state, 0.5); /* 1 / sqrt(K) for PyTorch's Conv1d with K = 4 */
    } else {
        return false;
    }
    return true;
}

static void reset(struct tensor *t, uint64_t *state)
{
    if (fill_mixer(t, state))
        return;
    if (strstr(t->name, "norm") != NULL)
        fill_constant(t, ends_with(t->name, ".bias") ? 0 : 1);
    else if (ends_with(t->name, ".bias"))
        fill_constant(t, 0);
    else
        fill_normal(t, state, 0.02); /* both architectures' linear layers */
}

enum status model_synthesise(const char *name, uint64_t seed, struct model **out, struct error *err)
{
    struct geometry g;
    const struct arch_type *type;
    if (!published_geometry(name, &g, &type))
        return fail(err, E_CONFIG, "'%s' is no published geometry (vim_small, deit_small, ...)",
                    name);
    struct checkpoint *ck = checkpoint_blank(type, &g);
    if (ck == NULL)
        return fail(err, E_NOMEM, "out of memory for a model like %s", name);
    uint64_t state = seed;
    for (size_t i = 0; i < ck->count; i++)
        reset(&ck->tensors[i], &state);
    const struct model_options o = { .arch = name, .heads = g.heads, .image_size = g.image_size };
    return model_open(ck, &o, out, err);
}

/* Which layer a tensor belongs to, -1 for none. */
static int layer_of(const char *name)
{
    int layer = -1;
    if (sscanf(name, "layers.%d.", &layer) == 1 || sscanf(name, "blocks.%d.", &layer) == 1)
        return layer;
    return -1;
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

enum status model_randomise(const struct model *model, int layers, uint64_t seed,
                            struct model **out, struct error *err)
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
    uint64_t state = seed;
    for (size_t i = 0; i < ck->count; i++) {
        struct tensor *t = &ck->tensors[i];
        int layer = layer_of(t->name);
        if (strncmp(t->name, "head.", 5) == 0 || layer >= model->geo.depth - layers)
            reset(t, &state);
    }
    *out = m;
    return OK;
}
