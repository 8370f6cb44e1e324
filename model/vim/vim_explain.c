/* Defaults of explanations of a Vim, and its hidden attention for inspection. */
#include <math.h>
#include <stdlib.h>

#include "vim_geometry.h"
#include "vim_sweep.h"

static const struct rules released = { .row_norm = true, .minmax = true, .clamp_map = true };
static const struct rules paper_rules = {
    .own_decay = true, .diagonal = true, .full_matrix = true, .gated_gradient = true
};

/* First layer of the released code: 15 of 24, other depths in proportion (SPEC 5.1). */
static int released_start(int depth)
{
    return depth * 15 / 24;
}

void vim_rules(const struct geometry *g, bool paper, const struct method_functions *f,
               struct rules *out)
{
    (void)f;
    *out = paper ? paper_rules : released;
    out->start = paper ? 0 : released_start(g->depth);
}

/* CLS rows are of a CLS token that classifies. */
enum status vim_check(const struct geometry *g, const struct method *m,
                      const struct method_functions *f, const struct rules *r, struct error *err)
{
    if (g->readout == READ_TOKEN || f->layer == NULL || r->full_matrix)
        return OK;
    return fail_key(
        err, E_CONFIG, "explain.methods",
        "'%s' begins at the one CLS token that is classified, but the head "
        "of this Vim sees %s; with run.protocol = paper raw, rollout and attribution go from "
        "whole matrices",
        m->info.name, vim_readout_words(g));
}

/* ---- attention ---- */

static int count(const struct geometry *g)
{
    return g->inner;
}

static int inner(const struct geometry *g)
{
    return g->state;
}

static const real *matrix(struct sweep *s, int channel)
{
    struct hidden_matrix_args a = { .own_decay = true,
                                    .diagonal = true,
                                    .reduce = REDUCE_MEAN,
                                    .chan_first = channel < 0 ? 0 : channel,
                                    .chan_count = channel < 0 ? 0 : 1 };
    vim_run_matrix(&s->view, &a);
    return ((const struct vim_scores *)s->scratch)->matrix;
}

static const real *cls_row(struct sweep *s, int direction)
{
    return ((const struct vim_scores *)s->scratch)->row_dir[direction];
}

/* The directions meet in column c alone. */
static enum status influence(struct sweep *s, double *absolute, double *mean, struct error *err)
{
    const struct geometry *g = &s->model->geo;
    size_t len = (size_t)g->tokens, chan = (size_t)g->inner;
    if (g->readout != READ_TOKEN)
        return fail(err, E_CONFIG, "influence on the CLS token: the head of this Vim sees %s",
                    vim_readout_words(g));
    float *rows[2] = { malloc(len * chan * sizeof(float)), malloc(len * chan * sizeof(float)) };
    enum status st = OK;
    if (rows[0] == NULL || rows[1] == NULL)
        st = fail(err, E_NOMEM, "no memory for the influence of %d tokens", g->tokens);
    for (int k = 0; k < 2 && st == OK; k++)
        be_read_floats(s->be, rows[k], cls_row(s, k), len * chan);
    for (size_t j = 0; j < len && st == OK; j++) {
        absolute[j] = mean[j] = 0;
        for (size_t e = 0; e < chan; e++) {
            double x = (double)rows[0][j * chan + e] + (double)rows[1][j * chan + e];
            absolute[j] += fabs(x) / g->inner;
            mean[j] += x / g->inner;
        }
    }
    free(rows[0]);
    free(rows[1]);
    return st == OK ? s->be->sync(s->be, err) : st;
}

const struct arch_attention vim_attention = {
    .kind = { .unit = "channel",
              .counted = "hidden attention matrices (E, one a channel)",
              .what =
                  "hidden attention alpha, signed, both directions added, [channel, row, column]",
              .drawn = "Vim: |alpha|, both directions added; alike in both protocols",
              .directions = 2 },
    .count = count,
    .inner = inner,
    .matrix = matrix,
    .influence = influence,
    .cls_row = cls_row,
};
