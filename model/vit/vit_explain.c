/* Defaults of explanations of a ViT, and its attention for inspection. */
#include <stdlib.h>
#include <string.h>

#include "vit_scores.h"
#include "vit_sweep.h"

/* Its methods are Transformer-Explainability's in both protocols (SPEC 5.4). */
void vit_rules(const struct geometry *g, bool paper, const struct method_functions *f,
               struct rules *out)
{
    (void)paper;
    *out = (struct rules){ .full_matrix = true,
                           .diagonal = true,
                           .row_norm = !f->relevance,
                           .start = g->depth > 1 ? 1 : 0 };
}

/* ---- attention ---- */

static int count(const struct geometry *g)
{
    return g->heads;
}

static const real *matrix(struct sweep *s, int head)
{
    const struct vit_scores *v = s->scratch;
    size_t len = (size_t)s->model->geo.tokens;
    if (head >= 0)
        return be_at(s->be, v->acts.probs, (size_t)head * len * len);
    return vit_attention_map(&s->view);
}

/* Probabilities are positive, so one row serves as both. */
static enum status influence(struct sweep *s, double *absolute, double *mean, struct error *err)
{
    const struct geometry *g = &s->model->geo;
    size_t len = (size_t)g->tokens;
    double *map = malloc(len * len * sizeof *map), *weight = malloc(len * sizeof *weight);
    if (map == NULL || weight == NULL) {
        free(map);
        free(weight);
        return fail(err, E_NOMEM, "no memory for the influence of %d tokens", g->tokens);
    }
    be_read_doubles(s->be, map, matrix(s, -1), len * len);
    geometry_readout(g, weight);
    memset(mean, 0, len * sizeof *mean);
    for (size_t i = 0; i < len; i++)
        for (size_t j = 0; j < len; j++)
            mean[j] += weight[i] * map[i * len + j];
    memcpy(absolute, mean, len * sizeof *mean);
    free(map);
    free(weight);
    return s->be->sync(s->be, err);
}

static const real *relevance(struct sweep *s)
{
    return ((const struct vit_scores *)s->scratch)->lrp.probs;
}

const struct arch_attention vit_attention = {
    .kind = { .unit = "head",
              .counted = "attention matrices (H, one a head)",
              .what = "softmax of scaled products, [channel, row, column]",
              .drawn = "ViT: after the softmax",
              .probabilities = true,
              .directions = 1 },
    .count = count,
    .matrix = matrix,
    .influence = influence,
    .relevance = relevance,
};
