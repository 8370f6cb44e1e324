#include "vit_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "quote.h"

const char *const vit_stems[] = { "patch_embed.proj.weight",
                                  "embeddings.patch_embeddings.projection.weight",
                                  "conv_proj.weight", NULL };

const char *const vit_marks[] = { "blocks.0.attn.qkv.weight",
                                  "blocks.0.0.attn.qkv.weight",
                                  "encoder.layer.0.attention.attention.query.weight",
                                  "encoder.layer.0.attention.q_proj.weight",
                                  "layers.0.attention.q_proj.weight",
                                  "layers.0.attention.attention.query.weight",
                                  "encoder.layers.encoder_layer_0.self_attention.in_proj_weight",
                                  NULL };

struct rule { /* what a name begins with, and what stands there instead; NULL: dropped */
    const char *from, *to;
};

static const struct rule top_rules[] = {
    /* Hugging Face */
    { "embeddings.cls_token", "cls_token" },
    { "embeddings.distillation_token", "dist_token" },
    { "embeddings.position_embeddings", "pos_embed" },
    { "embeddings.register_tokens", "reg_token" },
    { "embeddings.mask_token", NULL },
    { "embeddings.patch_embeddings.projection.", "patch_embed.proj." },
    { "layernorm.", "norm." },
    { "pooler.", NULL },
    { "classifier.", "head." },
    { "linear_head.", "head." },
    { "fc.", "head." },
    { "linear.", "head." },
    { "cls_classifier.", "head." },
    { "distillation_classifier.", "head_dist." },
    /* torchvision */
    { "class_token", "cls_token" },
    { "encoder.pos_embedding", "pos_embed" },
    { "conv_proj.", "patch_embed.proj." },
    { "encoder.ln.", "norm." },
    { "heads.head.", "head." },
    /* DINOv2 */
    { "register_tokens", "reg_token" },
    { "mask_token", NULL },
};

static const char *const block_prefixes[] = { "encoder.layers.encoder_layer_", "encoder.layer.",
                                              "layers.", "blocks." };

static const struct rule block_rules[] = {
    /* Hugging Face, both sets of names */
    { "layernorm_before.", "norm1." },
    { "layernorm_after.", "norm2." },
    { "attention.attention.query.", "attn.q." },
    { "attention.attention.key.", "attn.k." },
    { "attention.attention.value.", "attn.v." },
    { "attention.output.dense.", "attn.proj." },
    { "attention.q_proj.", "attn.q." },
    { "attention.k_proj.", "attn.k." },
    { "attention.v_proj.", "attn.v." },
    { "attention.o_proj.", "attn.proj." },
    { "intermediate.dense.", "mlp.fc1." },
    { "output.dense.", "mlp.fc2." },
    { "layer_scale1.lambda1", "ls1.gamma" },
    { "layer_scale2.lambda1", "ls2.gamma" },
    /* torchvision */
    { "ln_1.", "norm1." },
    { "ln_2.", "norm2." },
    { "self_attention.in_proj_", "attn.qkv." },
    { "self_attention.out_proj.", "attn.proj." },
    { "mlp.0.", "mlp.fc1." },
    { "mlp.3.", "mlp.fc2." },
    { "mlp.linear_1.", "mlp.fc1." },
    { "mlp.linear_2.", "mlp.fc2." },
    /* gated MLPs: DINOv2's own, Hugging Face */
    { "mlp.w12.", "mlp.fc1." },
    { "mlp.w3.", "mlp.fc2." },
    { "mlp.weights_in.", "mlp.fc1." },
    { "mlp.weights_out.", "mlp.fc2." },
    { "mlp.gate_proj.", "mlp.fc1." },
    { "mlp.up_proj.", "mlp.value." },
    { "mlp.down_proj.", "mlp.fc2." },
    /* DeiT III */
    { "gamma_1", "ls1.gamma" },
    { "gamma_2", "ls2.gamma" },
};

/* ---- renaming ---- */

static const struct rule *find_rule(const struct rule *rules, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strncmp(name, rules[i].from, strlen(rules[i].from)) == 0)
            return &rules[i];
    return NULL;
}

/* "encoder.layer.3.output.dense.bias": 3, and where "output.dense.bias" begins; else -1. Blocks
 * that are kept in chunks ("blocks.1.3.") count by the second number. */
static int block_of(const char *name, const char **rest)
{
    for (size_t i = 0; i < sizeof block_prefixes / sizeof *block_prefixes; i++) {
        size_t n = strlen(block_prefixes[i]);
        int index, second, used = 0, more = 0;
        if (strncmp(name, block_prefixes[i], n) != 0 ||
            sscanf(name + n, "%6d.%n", &index, &used) != 1 || used == 0 || index < 0)
            continue;
        *rest = name + n + used;
        if (sscanf(*rest, "%6d.%n", &second, &more) == 1 && more > 0) {
            *rest += more;
            index = second;
        }
        return index;
    }
    return -1;
}

/* The name that timm has for this one; "" where the tensor is dropped. */
static void timm_name(const char *name, char *out, size_t size)
{
    const char *rest = name;
    int block = block_of(name, &rest);
    const struct rule *r =
        block >= 0 ? find_rule(block_rules, sizeof block_rules / sizeof *block_rules, rest)
                   : find_rule(top_rules, sizeof top_rules / sizeof *top_rules, name);
    const char *tail = r != NULL ? rest + strlen(r->from) : rest;
    const char *head = r == NULL ? "" : r->to != NULL ? r->to : "";
    if (r != NULL && r->to == NULL)
        out[0] = '\0';
    else if (block >= 0)
        snprintf(out, size, "blocks.%d.%s%s", block, head, tail);
    else
        snprintf(out, size, "%s%s", head, tail);
}

static enum status rename_all(struct checkpoint *ck, struct notes *notes, struct error *err)
{
    size_t renamed = 0;
    char was[QUOTE_SIZE] = "", is[600];
    for (size_t i = ck->count; i-- > 0;) {
        struct tensor *t = &ck->tensors[i];
        timm_name(t->name, is, sizeof is);
        if (is[0] == '\0') {
            note(notes, "left out: %s, which classifying does not use", quote(t->name).text);
            checkpoint_remove(ck, t);
            continue;
        }
        if (strcmp(is, t->name) == 0)
            continue;
        if (renamed++ == 0)
            quote_bytes(was, sizeof was, t->name, strlen(t->name));
        if (!tensor_rename(t, is))
            return fail(err, E_NOMEM, "out of memory");
    }
    if (renamed > 0)
        note(notes, "names: %zu tensors are named as other code names them (%s)", renamed, was);
    checkpoint_sort(ck);
    for (size_t i = 0; i + 1 < ck->count; i++)
        if (strcmp(ck->tensors[i].name, ck->tensors[i + 1].name) == 0)
            return fail(err, E_DATA, "%s: two tensors mean '%s'", ck->path,
                        quote(ck->tensors[i].name).text);
    return OK;
}

/* ---- joining and folding ---- */

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
                              const char *linear, bool *folded, struct error *err)
{
    char weight[64], bias[64];
    snprintf(weight, sizeof weight, "%s.weight", linear);
    snprintf(bias, sizeof bias, "%s.bias", linear);
    struct tensor *g = find(ck, block, gamma), *w = find(ck, block, weight),
                  *b = find(ck, block, bias);
    if (g == NULL)
        return OK;
    if (w == NULL || b == NULL || w->ndim != 2 || g->ndim != 1 || b->count != g->count ||
        (size_t)w->shape[0] != g->count)
        return fail(err, E_DATA, "%s: tensor '%s' does not fit %s of its block", ck->path,
                    quote(g->name).text, linear);
    size_t columns = (size_t)w->shape[1];
    for (size_t i = 0; i < g->count; i++) {
        b->data[i] *= g->data[i];
        for (size_t j = 0; j < columns; j++)
            w->data[i * columns + j] *= g->data[i];
    }
    checkpoint_remove(ck, g);
    *folded = true;
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
    if (both == NULL || fc2 == NULL || fc2->ndim != 2 || both->count == 0 ||
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

static enum status adopt_blocks(struct checkpoint *ck, struct notes *notes, struct error *err)
{
    bool folded = false, no_bias = false, gated = false;
    for (int i = 0;; i++) {
        char name[64];
        TRY(join_qkv(ck, i, "weight", err));
        TRY(join_qkv(ck, i, "bias", err));
        const struct tensor *qkv = find(ck, i, "attn.qkv.weight");
        if (qkv == NULL || qkv->ndim != 2 || qkv->count == 0)
            break; /* no more blocks, or a fault that the list of tensors will tell */
        snprintf(name, sizeof name, "blocks.%d.attn.qkv.bias", i);
        TRY(add_zeros(ck, name, qkv->shape[0], &no_bias, err));
        TRY(fold_scale(ck, i, "ls1.gamma", "attn.proj", &folded, err));
        TRY(fold_scale(ck, i, "ls2.gamma", "mlp.fc2", &folded, err));
        TRY(part_gate(ck, i, "weight", &gated, err));
        TRY(part_gate(ck, i, "bias", &gated, err));
    }
    if (gated)
        note(notes, "MLPs: gated, SiLU of fc1's first half times its second");
    if (no_bias)
        note(notes, "attention: q, k and v have no bias");
    if (folded)
        note(notes, "LayerScale: its factors were multiplied into attn.proj and mlp.fc2");
    return OK;
}

/* Whether any name holds `part`. */
static bool told_by_name(const struct checkpoint *ck, const char *part)
{
    for (size_t i = 0; i < ck->count; i++)
        if (strstr(ck->tensors[i].name, part) != NULL)
            return true;
    return false;
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
    note(notes, "head: 'linear' sees CLS and the mean of the patches interleaved, as in DINO");
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

static bool is_square(int64_t n)
{
    int64_t side = 0;
    while (side * side < n)
        side++;
    return n > 0 && side * side == n;
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

/* Positions of the patches alone, or of CLS and the patches: the other tokens' are 0. */
static enum status complete_positions(struct checkpoint *ck, struct notes *notes, struct error *err)
{
    struct tensor *pos = find(ck, -1, "pos_embed");
    if (pos == NULL || pos->ndim != 3 || pos->shape[0] != 1 || pos->count == 0)
        return OK; /* reading the geometry says what is wrong */
    int64_t n = pos->shape[1], p = prefix_tokens(ck), keep, missing;
    if (is_square(n - p) || p == 0)
        return OK;
    if (is_square(n)) {
        keep = 0;
        missing = p;
    } else if (is_square(n - 1) && p > 1) {
        keep = 1;
        missing = p - 1;
    } else {
        return OK;
    }
    size_t row = (size_t)pos->shape[2], count = pos->count + (size_t)missing * row;
    float *data = calloc(count, sizeof *data);
    if (data == NULL)
        return fail(err, E_NOMEM, "out of memory");
    memcpy(data, pos->data, (size_t)keep * row * sizeof *data);
    memcpy(data + (size_t)(keep + missing) * row, pos->data + (size_t)keep * row,
           (pos->count - (size_t)keep * row) * sizeof *data);
    free(pos->data);
    pos->data = data;
    pos->count = count;
    pos->shape[1] = n + missing;
    note(notes, "positions: of %s; the other %lld token%s none",
         keep == 0 ? "the patches alone" : "CLS and the patches", (long long)missing,
         missing == 1 ? " has" : "s have");
    return OK;
}

enum status vit_adopt(struct checkpoint *ck, struct geometry *g, struct notes *notes,
                      struct error *err)
{
    bool no_bias = false, hugging_face = told_by_name(ck, ".layernorm_before.");
    bool interleaved = checkpoint_find(ck, "linear.weight") != NULL;
    TRY(rename_all(ck, notes, err));
    if (hugging_face)
        g->eps = 1e-12; /* their ViT's and DeiT's default */
    if (interleaved)
        TRY(part_interleaved(ck, notes, err));
    TRY(adopt_blocks(ck, notes, err));
    struct tensor *proj = find(ck, -1, "patch_embed.proj.weight");
    unfold_projection(proj);
    if (proj != NULL && proj->count > 0)
        TRY(add_zeros(ck, "patch_embed.proj.bias", proj->shape[0], &no_bias, err));
    if (no_bias)
        note(notes, "patches: their projection has no bias");
    return complete_positions(ck, notes, err);
}
