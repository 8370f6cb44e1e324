/* A ViT's weights on a backend, part by part (arch_type.rebind). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "signs.h"
#include "vit_geometry.h"
#include "vit_read.h"

static bool bind_linear(struct vit_linear *l, const struct model *m, struct backend *be,
                        unsigned uses, const char *name)
{
    l->w = bind_weight(m, be, uses, "%s.weight", name);
    l->b = bind_array(m, be, "%s.bias", name);
    if (uses & BIND_SIGNED) {
        l->plus = bind_weight_of(m, be, keep_positive, "%s.weight", name);
        l->minus = bind_weight_of(m, be, keep_negative, "%s.weight", name);
        if (l->plus == NULL || l->minus == NULL)
            return false;
    }
    if (uses & BIND_ABSOLUTE) {
        l->w_abs = bind_weight_of(m, be, fabsf, "%s.weight", name);
        l->b_abs = bind_transposed(m, be, fabsf, "%s.bias", name); /* a vector stays as it lies */
        if (l->w_abs == NULL || l->b_abs == NULL)
            return false;
    }
    return l->w != NULL && l->b != NULL;
}

static bool bind_block(struct vit_block *w, const struct model *m, struct backend *be,
                       unsigned uses, int i)
{
    char name[64];
    w->norm1_w = bind_array(m, be, "blocks.%d.norm1.weight", i);
    w->norm1_b = bind_array(m, be, "blocks.%d.norm1.bias", i);
    w->norm2_w = bind_array(m, be, "blocks.%d.norm2.weight", i);
    w->norm2_b = bind_array(m, be, "blocks.%d.norm2.bias", i);
    bool ok = w->norm1_w && w->norm1_b && w->norm2_w && w->norm2_b;
    struct vit_linear *linear[] = { &w->qkv, &w->proj, &w->fc1, &w->fc2, &w->value };
    static const char *const names[] = { "attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2",
                                         "mlp.value" };
    for (int k = 0; k < 4 + m->geo.gated; k++) {
        snprintf(name, sizeof name, "blocks.%d.%s", i, names[k]);
        ok = bind_linear(linear[k], m, be, uses, name) && ok;
    }
    if (!m->geo.head_norm)
        return ok;
    w->q_norm_w = bind_array(m, be, "blocks.%d.attn.q_norm.weight", i);
    w->q_norm_b = bind_array(m, be, "blocks.%d.attn.q_norm.bias", i);
    w->k_norm_w = bind_array(m, be, "blocks.%d.attn.k_norm.weight", i);
    w->k_norm_b = bind_array(m, be, "blocks.%d.attn.k_norm.bias", i);
    return ok && w->q_norm_w && w->q_norm_b && w->k_norm_w && w->k_norm_b;
}

static void unbind_linear(struct vit_linear *l, struct backend *be)
{
    be->op.weight_free(be, l->w);
    be->op.weight_free(be, l->plus);
    be->op.weight_free(be, l->minus);
    be->op.weight_free(be, l->w_abs);
    be->free(be, l->b);
    be->free(be, l->b_abs);
}

static void unbind_block(struct vit_block *b, struct backend *be)
{
    real *const arrays[] = { b->norm1_w,  b->norm1_b,  b->norm2_w,  b->norm2_b,
                             b->q_norm_w, b->q_norm_b, b->k_norm_w, b->k_norm_b };
    struct vit_linear *const linear[] = { &b->qkv, &b->proj, &b->fc1, &b->fc2, &b->value };
    for (size_t k = 0; k < sizeof arrays / sizeof *arrays; k++)
        be->free(be, arrays[k]);
    for (size_t k = 0; k < sizeof linear / sizeof *linear; k++)
        unbind_linear(linear[k], be);
    *b = (struct vit_block){ 0 };
}

static bool bind_readout(struct vit_weights *w, const struct model *m, struct backend *be,
                         unsigned uses)
{
    const char *norm = vit_final_norm_name(&m->geo);
    w->norm_w = bind_array(m, be, "%s.weight", norm);
    w->norm_b = bind_array(m, be, "%s.bias", norm);
    bool ok = bind_linear(&w->head, m, be, uses, "head") && vit_read_bind(w, &m->geo, be);
    if (m->geo.readout == READ_TWO_HEADS)
        ok = ok && bind_linear(&w->head_dist, m, be, uses, "head_dist");
    if (m->geo.pre_logits > 0)
        ok = ok && bind_linear(&w->pre, m, be, uses, "pre_logits.fc");
    return ok && w->norm_w && w->norm_b;
}

static void unbind_readout(struct vit_weights *w, struct backend *be)
{
    real **const arrays[] = { &w->norm_w, &w->norm_b, &w->read, &w->mean, &w->share };
    struct vit_linear *const linear[] = { &w->head, &w->head_dist, &w->pre };
    for (size_t k = 0; k < sizeof arrays / sizeof *arrays; k++) {
        be->free(be, *arrays[k]);
        *arrays[k] = NULL;
    }
    for (size_t k = 0; k < sizeof linear / sizeof *linear; k++) {
        unbind_linear(linear[k], be);
        *linear[k] = (struct vit_linear){ 0 };
    }
}

static bool bind_part(struct vit_weights *w, const struct model *m, struct backend *be,
                      unsigned uses, int part)
{
    int block = w->depth - part;
    if (part > w->depth)
        return stem_bind(&w->stem, m, be, vit_others);
    return part > 0 ? bind_block(&w->block[block], m, be, uses, block)
                    : bind_readout(w, m, be, uses);
}

static void unbind_part(struct vit_weights *w, struct backend *be, int part)
{
    if (part > w->depth)
        stem_unbind(&w->stem, be);
    else if (part > 0)
        unbind_block(&w->block[w->depth - part], be);
    else
        unbind_readout(w, be);
}

void vit_unbind(void *weights, struct backend *be)
{
    struct vit_weights *w = weights;
    if (w == NULL)
        return;
    for (int part = w->block != NULL ? w->depth + 1 : -1; part >= 0; part--)
        unbind_part(w, be, part);
    free(w->block);
    free(w);
}

void *vit_bind(const struct model *m, struct backend *be, unsigned uses)
{
    struct vit_weights *w = calloc(1, sizeof *w);
    if (w == NULL)
        return NULL;
    w->depth = m->geo.depth;
    w->block = calloc((size_t)w->depth, sizeof *w->block);
    bool ok = w->block != NULL;
    for (int part = w->depth + 1; ok && part >= 0; part--)
        ok = bind_part(w, m, be, uses, part);
    if (ok)
        return w;
    vit_unbind(w, be);
    return NULL;
}

bool vit_rebind(void *weights, const struct model *m, struct backend *be, unsigned uses, int part)
{
    unbind_part(weights, be, part);
    return bind_part(weights, m, be, uses, part);
}
