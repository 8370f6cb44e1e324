/* Converts a Vim's tensors from other code's shapes to those that vim_geometry.c lists. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "quote.h"
#include "vim_geometry.h"

static struct tensor *find(struct checkpoint *ck, const char *name)
{
    return (struct tensor *)(uintptr_t)checkpoint_find(ck, name);
}

/* Tensors that stand for a forward pass that is not supported. */
static enum status refuse(const struct checkpoint *ck, struct error *err)
{
    static const struct {
        const char *tensor;
        bool there; /* it is there, or it is not, where it is not supported */
        const char *what;
    } kinds[] = {
        { "pos_embed", false, "a Vim without positions" },
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if ((checkpoint_find(ck, kinds[i].tensor) != NULL) == kinds[i].there)
            return fail(err, E_DATA,
                        "%s: %s, which is not supported (told by '%s', which is %sthere)", ck->path,
                        kinds[i].what, kinds[i].tensor, kinds[i].there ? "" : "not ");
    return OK;
}

/* h ⊙ gamma with h = ĝ W_outᵀ + b. */
static enum status fold_gamma(struct checkpoint *ck, int layer, struct error *err)
{
    char name[64];
    snprintf(name, sizeof name, "layers.%d.mixer.gamma", layer);
    struct tensor *gamma = find(ck, name);
    if (gamma == NULL)
        return OK;
    snprintf(name, sizeof name, "layers.%d.mixer.out_proj.weight", layer);
    struct tensor *w = find(ck, name);
    snprintf(name, sizeof name, "layers.%d.mixer.out_proj.bias", layer);
    struct tensor *b = find(ck, name);
    if (w == NULL || w->ndim != 2 || gamma->ndim != 1 || (size_t)w->shape[0] != gamma->count ||
        (b != NULL && b->count != gamma->count))
        return fail(err, E_DATA, "%s: tensor '%s' does not fit the output projection of its layer",
                    ck->path, quote(gamma->name).text);
    size_t columns = (size_t)w->shape[1];
    for (size_t i = 0; i < gamma->count; i++) {
        for (size_t k = 0; k < columns; k++)
            w->data[i * columns + k] *= gamma->data[i];
        if (b != NULL)
            b->data[i] *= gamma->data[i];
    }
    checkpoint_remove(ck, gamma);
    return OK;
}

/* pos_embed [1, g², D] of the patches and pos_embed_cls [1, n, D] of the registers -> one, in the
 * tokens' order. */
static enum status join_positions(struct checkpoint *ck, struct notes *notes, struct error *err)
{
    struct tensor *pos = find(ck, "pos_embed"), *reg = find(ck, "pos_embed_cls");
    if (reg == NULL)
        return OK;
    if (pos == NULL || pos->ndim != 3 || reg->ndim != 3 || pos->shape[0] != 1 ||
        reg->shape[0] != 1 || pos->shape[2] != reg->shape[2] || pos->count == 0 ||
        reg->count == 0 || reg->shape[1] > EMBED_OTHERS || pos->shape[1] > 1 << 20)
        return fail(err, E_DATA,
                    "%s: tensors 'pos_embed' and 'pos_embed_cls' do not go together: "
                    "[1, patches, width] and [1, 1 to %d, width] are due",
                    ck->path, EMBED_OTHERS);
    int patches = (int)pos->shape[1], count = (int)reg->shape[1], tokens = patches + count;
    size_t row = (size_t)pos->shape[2];
    float *all = malloc((size_t)tokens * row * sizeof *all);
    if (all == NULL)
        return fail(err, E_NOMEM, "out of memory");
    for (int t = 0, p = 0, j = 0; t < tokens; t++) {
        bool is_register = j < count && vim_register_at(patches, count, j) == t;
        const float *from = is_register ? reg->data + (size_t)j * row : pos->data + (size_t)p * row;
        memcpy(all + (size_t)t * row, from, row * sizeof *all);
        j += is_register;
        p += !is_register;
    }
    free(pos->data);
    pos->data = all;
    pos->shape[1] = tokens;
    pos->count = (size_t)tokens * row;
    checkpoint_remove(ck, reg);
    note(notes, "registers: %d, spread evenly among the patches, as in Mamba-Reg", count);
    return OK;
}

static const char *const directions[][2] = { { "conv1d.weight", "conv1d_b.weight" },
                                             { "conv1d.bias", "conv1d_b.bias" },
                                             { "x_proj.weight", "x_proj_b.weight" },
                                             { "dt_proj.weight", "dt_proj_b.weight" },
                                             { "dt_proj.bias", "dt_proj_b.bias" },
                                             { "D", "D_b" },
                                             { "A_log", "A_b_log" } }; /* of its own in v1 */
enum { DIRECTION_TENSORS = sizeof directions / sizeof *directions };

static struct tensor *of_direction(struct checkpoint *ck, int layer, int which, int direction)
{
    char name[64];
    snprintf(name, sizeof name, "layers.%d.mixer.%s", layer, directions[which][direction]);
    return find(ck, name);
}

/* Those of the first direction, where it shares them; else zeros, with which it adds nothing. */
void vim_tie(struct checkpoint *ck, const struct geometry *g)
{
    for (int i = 0; (g->shared_conv || g->one_direction) && i < g->depth; i++)
        for (int k = 0; k < DIRECTION_TENSORS - g->shared_conv; k++) {
            const struct tensor *from = of_direction(ck, i, k, 0);
            struct tensor *to = of_direction(ck, i, k, 1);
            for (size_t j = 0; j < to->count; j++)
                to->data[j] = g->shared_conv ? from->data[j] : 0;
        }
}

/* Makes the tensors of a layer's second direction, where they are not there. */
static enum status second_direction(struct checkpoint *ck, int layer, bool shared,
                                    struct error *err)
{
    for (int k = 0; k < DIRECTION_TENSORS; k++) {
        const struct tensor *t = of_direction(ck, layer, k, 0);
        char name[64];
        if (t == NULL || t->ndim < 1 || t->ndim > 3 || t->count == 0 ||
            of_direction(ck, layer, k, 1) != NULL)
            continue; /* the list of tensors will tell what is missing */
        const int64_t shape[] = { t->shape[0], t->shape[1], t->shape[2] };
        snprintf(name, sizeof name, "layers.%d.mixer.%s", layer, directions[k][1]);
        if (!checkpoint_add_zeros(ck, name, t->ndim, shape))
            return fail(err, E_NOMEM, "out of memory");
        checkpoint_sort(ck);
        t = of_direction(ck, layer, k, 0); /* the list has moved */
        if (shared)
            memcpy(of_direction(ck, layer, k, 1)->data, t->data, t->count * sizeof *t->data);
    }
    return OK;
}

/* Every layer must be of the version that layer 0 is of: a tensor that this version lacks in one
 * layer, or has in another, was lost. */
static enum status check_version(const struct checkpoint *ck, const struct geometry *g, int depth,
                                 struct error *err)
{
    const char *lacks = g->one_direction ? "A_b_log" : "conv1d_b.weight";
    for (int at = 0; g->undivided && at < depth * DIRECTION_TENSORS; at++) {
        int i = at / DIRECTION_TENSORS, k = at % DIRECTION_TENSORS;
        bool due = g->shared_conv && k == DIRECTION_TENSORS - 1;
        char name[64];
        snprintf(name, sizeof name, "layers.%d.mixer.%s", i, directions[k][1]);
        if ((checkpoint_find(ck, name) != NULL) != due)
            return fail(
                err, E_DATA,
                "%s: tensor '%s' is %s, though 'layers.0.mixer.%s' is not there: every layer of a "
                "Vim has all tensors of a second direction, or 'A_b_log' alone (the first "
                "version), or none (one direction)",
                ck->path, name, due ? "missing" : "there", lacks);
    }
    return OK;
}

static int depth_of(const struct checkpoint *ck)
{
    char name[64];
    for (int i = 0;; i++) {
        snprintf(name, sizeof name, "layers.%d.mixer.in_proj.weight", i);
        if (checkpoint_find(ck, name) == NULL)
            return i;
    }
}

enum status vim_adopt(struct checkpoint *ck, const struct model_options *o, struct geometry *g,
                      struct notes *notes, struct error *err)
{
    (void)o;
    bool folded = false, one = checkpoint_find(ck, "layers.0.mixer.A_b_log") == NULL;
    int depth = depth_of(ck);
    TRY(refuse(ck, err));
    g->shared_conv = !one && checkpoint_find(ck, "layers.0.mixer.conv1d_b.weight") == NULL;
    g->one_direction = one;
    g->undivided = one || g->shared_conv;
    TRY(check_version(ck, g, depth, err));
    TRY(names_all_or_none(ck, "layers", depth, "mixer.gamma", &folded, err));
    for (int i = 0; i < depth; i++) {
        TRY(fold_gamma(ck, i, err));
        if (g->undivided)
            TRY(second_direction(ck, i, g->shared_conv, err));
    }
    if (one)
        note(notes, "directions: one, of every layer in the same order (layers in pairs, each "
                    "second reversed, are told by no tensor)");
    if (g->shared_conv)
        note(notes, "directions: the first version's, which share all but A; their sum is taken");
    if (folded)
        note(notes, "gamma: its factors were multiplied into the output projections");
    return join_positions(ck, notes, err);
}
