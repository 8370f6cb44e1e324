#include "toy.h"

#include <stdio.h>
#include <stdlib.h>

static enum status read_geometry(const struct checkpoint *ck, const struct model_options *o,
                                 struct geometry *g, struct notes *notes, struct error *err)
{
    const struct tensor *pos, *proj, *head;
    char name[64];
    TRY(need_tensor(ck, "pos_embed", 3, &pos, err));
    TRY(need_tensor(ck, "patch_embed.proj.weight", 4, &proj, err));
    TRY(need_tensor(ck, "head.weight", 2, &head, err));
    g->width = (int)proj->shape[0];
    g->patch = (int)proj->shape[2];
    g->classes = (int)head->shape[0];
    do
        snprintf(name, sizeof name, "mix.%d.weight", ++g->depth);
    while (checkpoint_find(ck, name) != NULL);
    g->others = 1; /* CLS, at 0 */
    (void)notes;
    return place_patches(g, pos->shape[1], 0, o, err);
}

static void list_tensors(const struct geometry *g, struct tensor_list *t)
{
    tensor_list_add(t, 1, 1, g->width, 0, "cls_token");
    tensor_list_add(t, 1, g->tokens, g->width, 0, "pos_embed");
    tensor_list_add(t, g->width, 3, g->patch, g->patch, "patch_embed.proj.weight");
    tensor_list_add(t, g->width, 0, 0, 0, "patch_embed.proj.bias");
    for (int i = 0; i < g->depth; i++)
        tensor_list_add(t, g->width, g->width, 0, 0, "mix.%d.weight", i);
    tensor_list_add(t, g->classes, g->width, 0, 0, "head.weight");
    tensor_list_add(t, g->classes, 0, 0, 0, "head.bias");
}

static void describe(const struct geometry *g, bool all, char *text, size_t size)
{
    if (all)
        snprintf(text, size, "%d spoons", g->depth);
}

static void unbind(void *weights, struct backend *be)
{
    struct toy_weights *w = weights;
    if (w == NULL)
        return;
    stem_unbind(&w->stem, be);
    be->free(be, w->average);
    for (int i = 0; w->mix != NULL && i < w->depth; i++)
        be->op.weight_free(be, w->mix[i]);
    be->op.weight_free(be, w->head);
    be->free(be, w->head_b);
    free(w->mix);
    free(w);
}

static const char *const others[] = { "cls_token", NULL };

static void *bind(const struct model *m, struct backend *be, unsigned uses)
{
    struct toy_weights *w = calloc(1, sizeof *w);
    size_t count = (size_t)m->geo.tokens * (size_t)m->geo.tokens;
    float *average = calloc(count, sizeof *average);
    if (w == NULL || average == NULL) {
        free(w);
        free(average);
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        average[i] = 1.0f / (float)m->geo.tokens;
    w->average = be_upload_floats(be, average, count);
    free(average);
    w->depth = m->geo.depth;
    w->mix = calloc((size_t)w->depth, sizeof *w->mix);
    bool ok = stem_bind(&w->stem, m, be, others) && w->average != NULL && w->mix != NULL;
    for (int i = 0; ok && i < w->depth; i++)
        ok = (w->mix[i] = bind_weight(m, be, uses, "mix.%d.weight", i)) != NULL;
    w->head = ok ? bind_weight(m, be, uses, "head.weight") : NULL;
    w->head_b = ok ? bind_array(m, be, "head.bias") : NULL;
    if (w->head != NULL && w->head_b != NULL)
        return w;
    unbind(w, be);
    return NULL;
}

void toy_average(const struct geometry *g, struct backend *be, const struct toy_weights *w, int n,
                 const real *x, real *mean)
{
    size_t d = (size_t)g->width, len = (size_t)g->tokens;
    const struct matmul_args p = { .b0 = n,
                                   .b1 = 1,
                                   .m = g->tokens,
                                   .n = g->width,
                                   .k = g->tokens,
                                   .a = { w->average, len, 0, 0 },
                                   .b = { be_at(be, x, 0), d, len * d, 0 },
                                   .c = { mean, d, len * d, 0 },
                                   .alpha = 1.0 };
    be->op.matmul(be, &p);
}

void toy_add(const struct geometry *g, struct backend *be, const struct toy_weights *w, int layer,
             int n, const real *mean, real *x)
{
    size_t d = (size_t)g->width;
    const struct linear_args l = { .rows = n * g->tokens,
                                   .w = w->mix[layer],
                                   .x = mean,
                                   .ldx = d,
                                   .accumulate = true,
                                   .y = x,
                                   .ldy = d };
    be->op.linear(be, &l);
}

void toy_head(const struct geometry *g, struct backend *be, const struct toy_weights *w, int n,
              const real *x, real *logits)
{
    run_linear(be, w->head, w->head_b, n, x, (size_t)g->tokens * (size_t)g->width, logits,
               (size_t)g->classes);
}

struct toy_ws {
    real *mean; /* [n, L, D] */
};

static void layout(const struct geometry *g, const struct backend *be, int n, struct bump *b,
                   void *ws)
{
    ((struct toy_ws *)ws)->mean =
        bump_take(b, (size_t)n * (size_t)g->tokens * (size_t)g->width, be->real_size);
}

static void forward(const struct geometry *g, struct backend *be, const void *weights, void *ws,
                    int n, real *tokens, real *logits)
{
    real *mean = ((struct toy_ws *)ws)->mean;
    for (int i = 0; i < g->depth; i++) {
        toy_average(g, be, weights, n, tokens, mean);
        toy_add(g, be, weights, i, n, mean, tokens);
    }
    toy_head(g, be, weights, n, tokens, logits);
}

static const struct stem *stem_of(const void *weights)
{
    return &((const struct toy_weights *)weights)->stem;
}

static const char *const stems[] = { "patch_embed.proj.weight", NULL };
static const char *const marks[] = { "mix.0.weight", NULL };

const struct arch_type toy_type = {
    .name = "toy",
    .title = "Toy",
    .tensors = { .stems = stems, .marks = marks, .layers = "mix." },
    .read_geometry = read_geometry,
    .list_tensors = list_tensors,
    .describe = describe,
    .bind = bind,
    .unbind = unbind,
    .stem = stem_of,
    .ws_size = sizeof(struct toy_ws),
    .layout = layout,
    .forward = forward,
    .explain = &toy_explain,
};
