#include "micro.h"

#include <string.h>

#include "random.h"
#include "randomise.h"

static int others_of(const struct micro *m)
{
    return m->type == &vim_type && m->readout == READ_OTHERS ? 2
                                                             : !m->no_cls + m->dist + m->registers;
}

struct checkpoint *micro_checkpoint(const struct micro *m)
{
    int others = others_of(m);
    const struct geometry g = { .patch = m->patch,
                                .grid = m->grid,
                                .tokens = m->grid * m->grid + others,
                                .others = others,
                                .width = m->width,
                                .depth = m->depth,
                                .classes = m->classes,
                                .inner = m->inner,
                                .state = m->state,
                                .taps = m->taps,
                                .rank = m->rank,
                                .heads = m->heads,
                                .mlp = m->mlp,
                                .readout = m->readout,
                                .dist = m->dist,
                                .registers = m->registers,
                                .neck = m->neck,
                                .pre_logits = m->pre_logits,
                                .fc_norm = m->fc_norm,
                                .norm_pre = m->norm_pre,
                                .head_norm = m->head_norm,
                                .gated = m->gated,
                                .layer_norm = m->layer_norm,
                                .rope = m->rope };
    return checkpoint_blank(m->type, &g);
}

struct model *micro_model(const struct micro *m, uint64_t seed)
{
    struct error err;
    struct model *blank = NULL, *model = NULL;
    struct checkpoint *ck = micro_checkpoint(m);
    const struct model_options o = { .heads = m->heads,
                                     .image_size = m->grid * m->patch,
                                     .undivided = m->undivided };
    if (ck == NULL || model_open(ck, &o, &blank, &err) != OK)
        return NULL;
    model_randomise(blank, m->depth, seed, &model, &err);
    model_close(blank);
    /* Published initial weights are small; larger ones make gradients worth checking. The stem,
     * which randomising leaves alone, is filled too. */
    uint64_t state = seed + 1;
    for (size_t i = 0; model != NULL && i < model->checkpoint->count; i++) {
        struct tensor *t = &model->checkpoint->tensors[i];
        bool stem = strncmp(t->name, "pos", 3) == 0 || strncmp(t->name, "cls", 3) == 0 ||
                    strncmp(t->name, "patch", 5) == 0;
        bool mixer = strstr(t->name, "_log") != NULL || strstr(t->name, "dt_proj") != NULL;
        for (size_t k = 0; k < t->count && !mixer; k++)
            t->data[k] = (stem ? 0 : t->data[k]) + (float)(0.6 * (random_uniform(&state) - 0.5));
    }
    if (model !=
        NULL) /* no tensor of these checkpoints tells it: both directions have all theirs */
        model->geo.shared_conv = m->shared_conv;
    return model;
}
