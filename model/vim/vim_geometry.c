#include "vim_geometry.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "names.h"
#include "quote.h"

enum { PUBLISHED_SIZE = 224 }; /* image side of every published checkpoint (SPEC 2) */

const char *const vim_stems[] = { "patch_embed.proj.weight", NULL };
const char *const vim_marks[] = { "layers.0.mixer.in_proj.weight", NULL };
const char *const vim_suffix[2] = { "", "_b" };
const char *const vim_others[] = { "cls_token", "cls_token_head", "cls_token_tail", NULL };

int vim_register_at(int patches, int count, int j)
{
    int s = patches / (count + 1);
    return s + j * (s + 1);
}

/* ---- what the tensors say ---- */

/* Tokens that are no patches: one CLS, two at the ends, registers, none; and what is read of them.
 */
static enum status read_others(const struct checkpoint *ck, struct geometry *g, struct error *err)
{
    const struct tensor *cls = checkpoint_find(ck, "cls_token");
    bool head = checkpoint_find(ck, "cls_token_head") != NULL;
    bool tail = checkpoint_find(ck, "cls_token_tail") != NULL;
    if (head != tail || (cls != NULL && head))
        return fail(err, E_DATA,
                    "%s: tensors 'cls_token_head' and 'cls_token_tail' go together, without "
                    "'cls_token'",
                    ck->path);
    g->others = head ? 2 : 0;
    g->readout = head ? READ_OTHERS : READ_MEAN;
    if (cls == NULL)
        return OK;
    TRY(need_tensor(ck, "cls_token", 3, &cls, err));
    if (cls->shape[1] > EMBED_OTHERS)
        return fail(err, E_DATA, "%s: tensor 'cls_token' has %lld tokens, should have 1 to %d",
                    ck->path, (long long)cls->shape[1], EMBED_OTHERS);
    g->others = (int)cls->shape[1];
    g->readout = g->others > 1 ? READ_REGISTERS : READ_TOKEN;
    return OK;
}

static enum status place_others(const struct checkpoint *ck, const struct model_options *o,
                                struct geometry *g, struct error *err)
{
    int patches = g->tokens - g->others;
    static const char *const words[] = { "middle", "first", "last" };
    const int places[] = { patches / 2, 0, patches };
    g->cls_at = -1;
    if (g->readout == READ_OTHERS) {
        g->other_at[0] = 0;
        g->other_at[1] = g->tokens - 1;
    }
    for (int j = 0; j < g->others && g->readout == READ_REGISTERS; j++)
        g->other_at[j] = vim_register_at(patches, g->others, j);
    for (size_t i = 0; i < 3 && g->readout == READ_TOKEN; i++)
        if (strcmp(o->cls != NULL ? o->cls : words[0], words[i]) == 0)
            g->cls_at = g->other_at[0] = places[i];
    if (o->cls != NULL && g->readout != READ_TOKEN)
        return fail_key(err, E_CONFIG, "model.cls",
                        "%s: '%s', but this Vim has no CLS token of that kind: "
                        "its head sees %s",
                        ck->path, o->cls, vim_readout_words(g));
    return OK;
}

/* The neck of registers: [D / k, D]. */
static enum status read_neck(const struct checkpoint *ck, struct geometry *g, struct error *err)
{
    const struct tensor *neck = NULL;
    if (checkpoint_find(ck, "neck.weight") == NULL)
        return OK;
    TRY(need_tensor(ck, "neck.weight", 2, &neck, err));
    g->neck = (int)neck->shape[0];
    return OK;
}

static enum status refuse_options(const struct checkpoint *ck, const struct model_options *o,
                                  const struct geometry *g, struct error *err)
{
    if (o->heads != 0 && !o->heads_if_any)
        return fail_key(err, E_CONFIG, "model.heads",
                        "%s is a Vim, which has no heads; leave it out", ck->path);
    if (o->activation != NULL)
        return fail_key(err, E_CONFIG, "model.activation",
                        "%s is a Vim, whose activation is SiLU; leave it out", ck->path);
    if (o->pool == NULL)
        return OK;
    const char *is = g->readout == READ_TOKEN ? "cls" : g->readout == READ_MEAN ? "mean" : "";
    if (strcmp(o->pool, is) != 0)
        return fail_key(err, E_CONFIG, "model.pool", "%s: '%s', but the head of this Vim sees %s",
                        ck->path, o->pool, vim_readout_words(g));
    return OK;
}

static void note_assumptions(const struct model_options *o, const struct geometry *g,
                             struct notes *notes)
{
    note(notes, "grid: %d x %d patches, a square; no tensor says it", g->grid, g->grid);
    if (o->image_size == 0 && g->stride != g->patch)
        note(notes,
             "image: %d pixels with patches every %d of %d, as that fits; no tensor says it "
             "(model.image_size)",
             g->image_size, g->stride, g->patch);
    if (g->readout == READ_TOKEN && o->cls == NULL)
        note(notes, "CLS: at %d, in the middle; no tensor says it (model.cls)", g->cls_at);
    if (g->readout != READ_TOKEN)
        note(notes, "read-out: %s%s", vim_readout_words(g),
             g->readout == READ_MEAN ? "; other code takes the last one, or the largest logit"
                                     : "");
    if (!g->undivided)
        note(notes, "directions: their mean enters the output projection; no tensor tells it from "
                    "their sum (model.divide)");
    if (o->eps <= 0)
        note(notes, "norms: eps %g; no tensor says it (model.eps)", g->eps);
}

/* Its code rotates all tokens of an even number, all but the first of an odd one. */
static enum status check_rope(const struct checkpoint *ck, const struct geometry *g,
                              struct notes *notes, struct error *err)
{
    int rotated = g->tokens - g->tokens % 2, patches = g->grid * g->grid;
    if (rotated != patches || g->width % 2 != 0)
        return fail(
            err, E_DATA,
            "%s: a Vim with rotary positions of %d patches, but %d of its %d tokens would be "
            "rotated: only one CLS token beside an even number of patches, or none, goes",
            ck->path, patches, rotated, g->tokens);
    note(notes, "rotary positions: of the whole residual stream; no tensor says it");
    if (rotated < g->tokens)
        note(notes, "rotary positions: the first token has none, as its code leaves it out");
    return OK;
}

enum status vim_read_geometry(const struct checkpoint *ck, const struct model_options *o,
                              struct geometry *g, struct notes *notes, struct error *err)
{
    const struct tensor *pos, *proj, *in_proj, *conv, *a, *dt, *head;
    char name[64];
    if (checkpoint_find(ck, "head.weight") == NULL)
        return names_no_head(ck, "a Vim without a class head ('head.weight')", err);
    TRY(need_tensor(ck, "pos_embed", 3, &pos, err));
    TRY(need_tensor(ck, "patch_embed.proj.weight", 4, &proj, err));
    TRY(need_tensor(ck, "layers.0.mixer.in_proj.weight", 2, &in_proj, err));
    TRY(need_tensor(ck, "layers.0.mixer.conv1d.weight", 3, &conv, err));
    TRY(need_tensor(ck, "layers.0.mixer.A_log", 2, &a, err));
    TRY(need_tensor(ck, "layers.0.mixer.dt_proj.weight", 2, &dt, err));
    TRY(need_tensor(ck, "head.weight", 2, &head, err));
    g->width = (int)proj->shape[0];
    g->patch = (int)proj->shape[2];
    g->inner = (int)a->shape[0];
    g->state = (int)a->shape[1];
    g->taps = (int)conv->shape[2];
    g->rank = (int)dt->shape[1];
    g->classes = (int)head->shape[0];
    g->in_bias = checkpoint_find(ck, "layers.0.mixer.in_proj.bias") != NULL;
    g->out_bias = checkpoint_find(ck, "layers.0.mixer.out_proj.bias") != NULL;
    g->undivided = g->undivided || o->undivided;
    g->layer_norm = checkpoint_find(ck, "norm_f.bias") != NULL;
    g->rope = checkpoint_find(ck, "rope.freqs_cos") != NULL;
    g->eps = o->eps > 0 ? o->eps : VIM_NORM_EPS;
    do
        snprintf(name, sizeof name, "layers.%d.norm.weight", ++g->depth);
    while (checkpoint_find(ck, name) != NULL);
    TRY(read_others(ck, g, err));
    TRY(refuse_options(ck, o, g, err));
    if (place_patches(g, pos->shape[1], PUBLISHED_SIZE, o, err) != OK)
        return fail_prefix(err, "%s: ", ck->path);
    TRY(place_others(ck, o, g, err));
    if (g->rope)
        TRY(check_rope(ck, g, notes, err));
    if (g->readout == READ_REGISTERS)
        TRY(read_neck(ck, g, err));
    note_assumptions(o, g, notes);
    return OK;
}

/* ---- all tensors ---- */

static void list_layer(const struct geometry *g, struct tensor_list *t, int i)
{
    int64_t d = g->width, e = g->inner, n = g->state, r = g->rank;
    tensor_list_add(t, d, 0, 0, 0, "layers.%d.norm.weight", i);
    if (g->layer_norm)
        tensor_list_add(t, d, 0, 0, 0, "layers.%d.norm.bias", i);
    tensor_list_add(t, 2 * e, d, 0, 0, "layers.%d.mixer.in_proj.weight", i);
    tensor_list_add(t, d, e, 0, 0, "layers.%d.mixer.out_proj.weight", i);
    if (g->in_bias)
        tensor_list_add(t, 2 * e, 0, 0, 0, "layers.%d.mixer.in_proj.bias", i);
    if (g->out_bias)
        tensor_list_add(t, d, 0, 0, 0, "layers.%d.mixer.out_proj.bias", i);
    for (int k = 0; k < 2; k++) {
        const char *b = vim_suffix[k];
        tensor_list_add(t, e, 1, g->taps, 0, "layers.%d.mixer.conv1d%s.weight", i, b);
        tensor_list_add(t, e, 0, 0, 0, "layers.%d.mixer.conv1d%s.bias", i, b);
        tensor_list_add(t, r + 2 * n, e, 0, 0, "layers.%d.mixer.x_proj%s.weight", i, b);
        tensor_list_add(t, e, r, 0, 0, "layers.%d.mixer.dt_proj%s.weight", i, b);
        tensor_list_add(t, e, 0, 0, 0, "layers.%d.mixer.dt_proj%s.bias", i, b);
        tensor_list_add(t, e, n, 0, 0, "layers.%d.mixer.A%s_log", i, b);
        tensor_list_add(t, e, 0, 0, 0, "layers.%d.mixer.D%s", i, b);
    }
}

static void list_head(const struct geometry *g, struct tensor_list *t)
{
    int64_t d = g->width, seen = d;
    tensor_list_add(t, d, 0, 0, 0, "norm_f.weight");
    if (g->layer_norm)
        tensor_list_add(t, d, 0, 0, 0, "norm_f.bias");
    if (g->readout == READ_REGISTERS)
        seen = (int64_t)g->others * (g->neck > 0 ? g->neck : d);
    if (g->neck > 0) {
        tensor_list_add(t, g->neck, d, 0, 0, "neck.weight");
        tensor_list_add(t, seen, 0, 0, 0, "norm_neck.weight");
    }
    tensor_list_add(t, g->classes, seen, 0, 0, "head.weight");
    tensor_list_add(t, g->classes, 0, 0, 0, "head.bias");
}

void vim_list_tensors(const struct geometry *g, struct tensor_list *t)
{
    int64_t d = g->width;
    if (g->readout == READ_OTHERS) {
        tensor_list_add(t, 1, 1, d, 0, "cls_token_head");
        tensor_list_add(t, 1, 1, d, 0, "cls_token_tail");
    } else if (g->others > 0) {
        tensor_list_add(t, 1, g->others, d, 0, "cls_token");
    }
    tensor_list_add(t, 1, g->tokens, d, 0, "pos_embed");
    tensor_list_add(t, d, 3, g->patch, g->patch, "patch_embed.proj.weight");
    tensor_list_add(t, d, 0, 0, 0, "patch_embed.proj.bias");
    for (int k = 0; k < 2 && g->rope; k++)
        tensor_list_add(t, g->grid * g->grid, d, 0, 0, "rope.freqs_%s", k == 0 ? "cos" : "sin");
    for (int i = 0; i < g->depth; i++)
        list_layer(g, t, i);
    list_head(g, t);
}

/* ---- words, and what is published (SPEC 2) ---- */

const char *vim_readout_words(const struct geometry *g)
{
    switch (g->readout) {
    case READ_OTHERS:
        return "the mean of the CLS tokens at both ends";
    case READ_REGISTERS:
        return "the registers side by side";
    case READ_MEAN:
        return "the mean of all tokens";
    default:
        return "the CLS token";
    }
}

void vim_describe(const struct geometry *g, bool all, char *text, size_t size)
{
    if (all)
        snprintf(text, size, "inner %d, state %d, taps %d, rank %d", g->inner, g->state, g->taps,
                 g->rank);
}

void vim_complete(struct geometry *g)
{
    g->cls_at = (g->tokens - 1) / 2;
    g->inner = 2 * g->width;
    g->state = 16;
    g->taps = 4;
    g->rank = (g->width + 15) / 16;
}

#define VIM(size, s, d)                                                                            \
    {                                                                                              \
        .image_size = (size), .patch = 16, .stride = (s), .others = 1, .width = (d), .depth = 24   \
    }
const struct published_model vim_published[] = {
    { "vim_tiny", VIM(224, 16, 192) },    { "vim_small", VIM(224, 16, 384) },
    { "vim_base", VIM(224, 16, 768) },    { "vim_tiny_s8", VIM(224, 8, 192) },
    { "vim_small_s8", VIM(224, 8, 384) }, { .name = NULL },
};

const struct own_size vim_own_sizes[] = {
    { "tokens that are no patches", offsetof(struct geometry, others) },
    { NULL, 0 },
};
