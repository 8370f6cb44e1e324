/* Scores that methods read from a Vim's layer in a sweep. Host arrays stay valid until the layer
 * changes; [n, ...]. */
#pragma once

#include "sweep.h"

/* reduce_d f(CLS row) [n, L], with its range [n, 2]. */
double *vim_row_scores(struct layer_view *, const struct rules *, enum sign_rule,
                       const double **range);
/* reduce_d f(mixing matrix) [n, L, L], range [n, 2]. */
double *vim_matrix_scores(struct layer_view *, const struct rules *, enum sign_rule,
                          const double **range);
/* mean_d max(unified CLS row, 0) [n, L] (SPEC 5.3). */
double *vim_unified_scores(struct layer_view *);
/* Influence of each token through the scan, both directions [n, L] (scan_influence in
 * ops_methods.h). */
double *vim_influence(struct layer_view *, bool gramian);
/* max over D of the gradient at the mixer's output, clamped at 0 [n, L]. */
double *vim_column_gradient(struct layer_view *);
/* mean over E of the gradient at the gated output [n, L]. */
double *vim_row_gradient(struct layer_view *);
/* The mixer's output h and its gradient, [n, L, D] on the device; h is computed again, and stays
 * until the layer is passed. */
const real *vim_mixer_output(struct layer_view *);
const real *vim_mixer_gradient(const struct layer_view *);
/* Once the layer is passed: what enters W_in and its gradient, [n, L, D] on the device. */
const real *vim_normed(const struct layer_view *);
const real *vim_normed_gradient(const struct layer_view *);
/* v <- vᵀ (I + K) of one image, K [L, L] its matrix or [L] its CLS row, as the rules say; the
 * smallest entries are discarded where asked. K is used up. */
void vim_rollout(struct layer_view *, const struct rules *, struct track *, double *k);
