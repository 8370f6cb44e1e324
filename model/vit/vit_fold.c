/* A ViT's tensors as other code shapes them, made those that vit_geometry.c lists. */
#include "vit_fold.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "quote.h"

static struct tensor *find(struct checkpoint *ck, int block, const char *name)
{
    char full[120];
    if (block >= 0)
        snprintf(full, sizeof full, "blocks.%d.%s", block, name);
    else
        snprintf(full, sizeof full, "%s", name);
    return (struct tensor *)(uintptr_t)checkpoint_find(ck, full);
}

/* attn.q, attn.k, attn.v -> attn.qkv, rows one behind the other. */
static enum status join_qkv(struct checkpoint *ck, int block, const char *what, struct error *err)
{
    static const char letters[] = "qkv";
    struct tensor *part[3];
    char name[64];
    for (int k = 0; k < 3; k++) {
        snprintf(name, sizeof name, "attn.%c.%s", letters[k], what);
        part[k] = find(ck, block, name);
    }
    if (part[0] == NULL && part[1] == NULL && part[2] == NULL)
        return OK;
    for (int k = 0; k < 3; k++)
        if (part[k] == NULL || part[k]->ndim != part[0]->ndim || part[k]->count != part[0]->count)
            return fail(err, E_DATA,
                        "%s: block %d: the %s of query, key and value do not go "
                        "together",
                        ck->path, block, what);
    size_t count = part[0]->count;
    float *data = malloc((3 * count + 1) * sizeof *data);
    snprintf(name, sizeof name, "blocks.%d.attn.qkv.%s", block, what);
    if (data == NULL || !tensor_rename(part[0], name)) {
        free(data);
        return fail(err, E_NOMEM, "out of memory");
    }
    for (int k = 0; k < 3; k++)
        memcpy(data + (size_t)k * count, part[k]->data, count * sizeof *data);
    free(part[0]->data);
    part[0]->data = data;
    part[0]->count = 3 * count;
    part[0]->shape[0] *= 3;
    for (int k = 1; k < 3; k++) {
        snprintf(name, sizeof name, "blocks.%d.attn.%c.%s", block, letters[k], what);
        for (size_t i = 0; i < ck->count; i++)
            if (strcmp(ck->tensors[i].name, name) == 0) {
                checkpoint_remove(ck, &ck->tensors[i]);
                break;
            }
    }
    checkpoint_sort(ck);
    return OK;
}

/* LayerScale: x + γ ⊙ (h Wᵀ + b) = x + h (γ ⊙ W)ᵀ + γ ⊙ b. */
static enum status fold_scale(struct checkpoint *ck, int block, const char *gamma,
                              const char *linear, struct error *err)
{
    char weight[64], bias[64];
    snprintf(weight, sizeof weight, "%s.weight", linear);
    snprintf(bias, sizeof bias, "%s.bias", linear);
    struct tensor *g = find(ck, block, gamma), *w = find(ck, block, weight),
                  *b = find(ck, block, bias);
    if (g == NULL || w == NULL || b == NULL)
        return OK; /* the list of tensors will tell what is missing */
    if (w->ndim != 2 || g->ndim != 1 || b->count != g->count || (size_t)w->shape[0] != g->count)
        return fail(err, E_DATA, "%s: tensor '%s' does not fit %s of its block", ck->path,
                    quote(g->name).text, linear);
    size_t columns = (size_t)w->shape[1];
    for (size_t i = 0; i < g->count; i++) {
        b->data[i] *= g->data[i];
        for (size_t j = 0; j < columns; j++)
            w->data[i * columns + j] *= g->data[i];
    }
    checkpoint_remove(ck, g);
    return OK;
}

static enum status add_zeros(struct checkpoint *ck, const char *name, int64_t count, bool *added,
                             struct error *err)
{
    if (checkpoint_find(ck, name) != NULL)
        return OK;
    if (!checkpoint_add_zeros(ck, name, 1, &count))
        return fail(err, E_NOMEM, "out of memory");
    checkpoint_sort(ck);
    *added = true;
    return OK;
}

/* A gated MLP's fc1 [gate; value] gives its second half to mlp.value: its columns are then those of
 * fc2. */
static enum status part_gate(struct checkpoint *ck, int block, const char *what, bool *parted,
                             struct error *err)
{
    char name[64];
    snprintf(name, sizeof name, "mlp.fc1.%s", what);
    struct tensor *both = find(ck, block, name), *fc2 = find(ck, block, "mlp.fc2.weight");
    if (both == NULL || fc2 == NULL || fc2->ndim != 2 || both->count == 0 || both->ndim > 2 ||
        both->shape[0] != 2 * fc2->shape[1])
        return OK;
    const int64_t shape[] = { both->shape[0] / 2, both->shape[1] };
    size_t half = both->count / 2;
    snprintf(name, sizeof name, "blocks.%d.mlp.value.%s", block, what);
    if (!checkpoint_add_zeros(ck, name, both->ndim, shape))
        return fail(err, E_NOMEM, "out of memory");
    both = NULL; /* the list of tensors has moved */
    checkpoint_sort(ck);
    snprintf(name, sizeof name, "mlp.fc1.%s", what);
    both = find(ck, block, name);
    snprintf(name, sizeof name, "mlp.value.%s", what);
    memcpy(find(ck, block, name)->data, both->data + half, half * sizeof *both->data);
    both->count = half;
    both->shape[0] /= 2;
    *parted = true;
    return OK;
}

/* Number of blocks, q, k and v joined; a fault in one ends them, and the list of tensors tells it.
 */
static enum status join_blocks(struct checkpoint *ck, int *count, struct error *err)
{
    for (*count = 0;; ++*count) {
        TRY(join_qkv(ck, *count, "weight", err));
        TRY(join_qkv(ck, *count, "bias", err));
        const struct tensor *qkv = find(ck, *count, "attn.qkv.weight");
        if (qkv == NULL || qkv->ndim != 2 || qkv->count == 0)
            return OK;
    }
}

static enum status adopt_blocks(struct checkpoint *ck, struct notes *notes, struct error *err)
{
    bool scaled = false, also = false, bias = false, gated = false, added = false;
    int count;
    TRY(join_blocks(ck, &count, err));
    TRY(names_all_or_none(ck, "blocks", count, "attn.qkv.bias", &bias, err));
    TRY(names_all_or_none(ck, "blocks", count, "ls1.gamma", &scaled, err));
    TRY(names_all_or_none(ck, "blocks", count, "ls2.gamma", &also, err));
    if (scaled != also)
        return fail(err, E_DATA,
                    "%s: tensor 'blocks.0.ls%d.gamma' is missing, and 'blocks.0.ls%d.gamma' is "
                    "there: LayerScale has both",
                    ck->path, scaled ? 2 : 1, scaled ? 1 : 2);
    for (int i = 0; i < count; i++) {
        char name[64];
        snprintf(name, sizeof name, "blocks.%d.attn.qkv.bias", i);
        TRY(add_zeros(ck, name, find(ck, i, "attn.qkv.weight")->shape[0], &added, err));
        TRY(fold_scale(ck, i, "ls1.gamma", "attn.proj", err));
        TRY(fold_scale(ck, i, "ls2.gamma", "mlp.fc2", err));
        TRY(part_gate(ck, i, "weight", &gated, err));
        TRY(part_gate(ck, i, "bias", &gated, err));
    }
    if (gated)
        note(notes, "MLPs: gated, fc1's first half the gate of its second");
    if (!bias)
        note(notes, "attention: q, k and v have no bias");
    if (scaled)
        note(notes, "LayerScale: its factors were multiplied into attn.proj and mlp.fc2");
    return OK;
}

/* DINO's head of a ViT-B sees CLS and the mean of the patches interleaved, c0 m0 c1 m1 ...: its
 * columns become those of CLS, then those of the mean. A head that is as wide as the tokens stays.
 */
static enum status part_interleaved(struct checkpoint *ck, struct notes *notes, struct error *err)
{
    struct tensor *head = find(ck, -1, "head.weight"),
                  *proj = find(ck, -1, "patch_embed.proj.weight");
    if (head == NULL || head->ndim != 2 || head->count == 0 || proj == NULL ||
        head->shape[1] != 2 * proj->shape[0])
        return OK;
    size_t columns = (size_t)head->shape[1], half = columns / 2;
    float *row = malloc(columns * sizeof *row);
    if (row == NULL)
        return fail(err, E_NOMEM, "out of memory");
    for (size_t i = 0; i < (size_t)head->shape[0]; i++) {
        float *to = head->data + i * columns;
        memcpy(row, to, columns * sizeof *row);
        for (size_t k = 0; k < half; k++) {
            to[k] = row[2 * k];
            to[half + k] = row[2 * k + 1];
        }
    }
    free(row);
    note(notes, "head: 'linear' sees CLS and the mean of the patches interleaved, as in DINO; no "
                "tensor says it (called 'classifier', it is taken to see one behind the other)");
    return OK;
}

/* ---- the stem ---- */

/* [D, 3PP], as timm had it in 2020, is [D, 3, P, P]. */
static void unfold_projection(struct tensor *t)
{
    if (t == NULL || t->ndim != 2)
        return;
    int64_t side = 1;
    while (side < 1024 && 3 * side * side < t->shape[1])
        side++;
    if (3 * side * side != t->shape[1])
        return;
    t->ndim = 4;
    t->shape[1] = 3;
    t->shape[2] = t->shape[3] = side;
}

/* The side of a square; 0: n is none. */
static int64_t side_of(int64_t n)
{
    int64_t side = 0;
    while (side * side < n)
        side++;
    return side * side == n ? side : 0;
}

/* Tokens before the patches that the checkpoint has tensors for. */
static int64_t prefix_tokens(const struct checkpoint *ck)
{
    static const char *const names[] = { "cls_token", "dist_token", "reg_token" };
    int64_t count = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct tensor *t = checkpoint_find(ck, names[i]);
        if (t != NULL && t->ndim == 3 && t->count > 0)
            count += t->shape[1];
    }
    return count;
}

/* The first `keep` of the tokens before the patches have positions; then the patches' grid is this
 * many a side (0: no square). */
struct positions {
    int64_t keep, grid;
    const char *of;
};

/* Where the number of positions fits more than one grid, the one that fits the image size; NULL:
 * none does, or several. `adjacent`: without overlap. */
static const struct positions *by_image_size(const struct positions *all, int count, int64_t patch,
                                             int64_t size, bool adjacent)
{
    const struct positions *fits = NULL;
    for (int i = 0; i < count; i++) {
        int64_t room = size - patch, steps = all[i].grid - 1;
        bool fine = adjacent     ? all[i].grid * patch == size
                    : steps == 0 ? room == 0
                                 : room > 0 && room % steps == 0 && room / steps <= patch;
        if (all[i].grid > 0 && fine && fits != NULL)
            return NULL;
        fits = all[i].grid > 0 && fine ? &all[i] : fits;
    }
    return fits;
}

static enum status choose_positions(const struct checkpoint *ck, const struct model_options *o,
                                    int64_t n, int64_t p, struct positions *chosen,
                                    struct error *err)
{
    const struct positions all[] = {
        { p, side_of(n - p), "all tokens" },
        { 0, p > 0 ? side_of(n) : 0, "the patches alone" },
        { 1, p > 1 ? side_of(n - 1) : 0, "CLS and the patches" },
    };
    const struct tensor *proj = checkpoint_find(ck, "patch_embed.proj.weight");
    int64_t patch = proj != NULL && proj->ndim == 4 ? proj->shape[2] : 0;
    const struct positions *fits = NULL, *also = NULL;
    *chosen = all[0];
    for (int i = 0; i < 3; i++) {
        also = all[i].grid > 0 && fits != NULL ? &all[i] : also;
        fits = all[i].grid > 0 && fits == NULL ? &all[i] : fits;
    }
    if (also != NULL) {
        const struct positions *first = fits;
        fits = o->image_size > 0 ? by_image_size(all, 3, patch, o->image_size, true) : NULL;
        if (fits == NULL && o->image_size > 0)
            fits = by_image_size(all, 3, patch, o->image_size, false);
        if (fits == NULL)
            return fail_key(err, E_DATA, "model.image_size",
                            "%s: tensor 'pos_embed' has %lld rows, which are positions of %s (%lld "
                            "x %lld patches) or of %s (%lld x %lld); say the side of the image, "
                            "%lld pixels or %lld, which no tensor does",
                            ck->path, (long long)n, first->of, (long long)first->grid,
                            (long long)first->grid, also->of, (long long)also->grid,
                            (long long)also->grid, (long long)(first->grid * patch),
                            (long long)(also->grid * patch));
    }
    if (fits != NULL)
        *chosen = *fits;
    return OK;
}

/* Positions of the patches alone, or of CLS and the patches: the other tokens' are 0. */
static enum status complete_positions(struct checkpoint *ck, const struct model_options *o,
                                      struct notes *notes, struct error *err)
{
    struct tensor *pos = find(ck, -1, "pos_embed");
    if (pos == NULL || pos->ndim != 3 || pos->shape[0] != 1 || pos->count == 0)
        return OK; /* reading the geometry says what is wrong */
    struct positions of;
    int64_t n = pos->shape[1], p = prefix_tokens(ck);
    TRY(choose_positions(ck, o, n, p, &of, err));
    int64_t missing = p - of.keep;
    if (missing <= 0)
        return OK;
    size_t row = (size_t)pos->shape[2], count = pos->count + (size_t)missing * row;
    float *data = calloc(count, sizeof *data);
    if (data == NULL)
        return fail(err, E_NOMEM, "out of memory");
    memcpy(data, pos->data, (size_t)of.keep * row * sizeof *data);
    memcpy(data + (size_t)p * row, pos->data + (size_t)of.keep * row,
           (pos->count - (size_t)of.keep * row) * sizeof *data);
    free(pos->data);
    pos->data = data;
    pos->count = count;
    pos->shape[1] = n + missing;
    note(notes, "positions: of %s; the other %lld token%s none", of.of, (long long)missing,
         missing == 1 ? " has" : "s have");
    return OK;
}

/* MAE's linear probe: a batch norm without weights before the head, x̂ = (x - mean) / sqrt(var +
 * eps): W x̂ + b = W' x + b - W' mean with W' = W / sqrt(var + eps). */
static enum status fold_probe(struct checkpoint *ck, struct notes *notes, struct error *err)
{
    static const double eps = 1e-6; /* as MAE makes it */
    struct tensor *mean = find(ck, -1, "head.0.running_mean"),
                  *var = find(ck, -1, "head.0.running_var"), *w = find(ck, -1, "head.weight"),
                  *b = find(ck, -1, "head.bias");
    if ((mean == NULL && var == NULL) || w == NULL)
        return OK; /* without a head.weight reading the geometry names what there is */
    if (mean == NULL || var == NULL || b == NULL || w->ndim != 2 || b->ndim != 1 ||
        w->shape[0] != b->shape[0] || (size_t)w->shape[1] != mean->count ||
        mean->count != var->count)
        return fail(err, E_DATA,
                    "%s: the batch norm before the head ('head.0.running_mean', "
                    "'head.0.running_var') and 'head.1.weight', 'head.1.bias' do not go together",
                    ck->path);
    size_t columns = mean->count;
    for (size_t i = 0; i < b->count; i++) {
        double bias = b->data[i];
        for (size_t k = 0; k < columns; k++) {
            double scaled = w->data[i * columns + k] / sqrt((double)var->data[k] + eps);
            w->data[i * columns + k] = (float)scaled;
            bias -= scaled * mean->data[k];
        }
        b->data[i] = (float)bias;
    }
    checkpoint_remove(ck, find(ck, -1, "head.0.running_mean"));
    checkpoint_remove(ck, find(ck, -1, "head.0.running_var"));
    note(notes, "head: the batch norm before it (MAE's linear probe) was multiplied into it");
    return OK;
}

enum status vit_fold(struct checkpoint *ck, const struct model_options *o, bool interleaved,
                     struct notes *notes, struct error *err)
{
    bool no_bias = false;
    if (interleaved)
        TRY(part_interleaved(ck, notes, err));
    TRY(fold_probe(ck, notes, err));
    TRY(adopt_blocks(ck, notes, err));
    struct tensor *proj = find(ck, -1, "patch_embed.proj.weight");
    unfold_projection(proj);
    if (proj != NULL && proj->count > 0)
        TRY(add_zeros(ck, "patch_embed.proj.bias", proj->shape[0], &no_bias, err));
    if (no_bias)
        note(notes, "patches: their projection has no bias");
    return complete_positions(ck, o, notes, err);
}
