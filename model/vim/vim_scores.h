/* What methods take from a Vim's layer in a sweep. Host arrays stay valid until the layer changes;
 * [n, ...]. */
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
/* max over D of the gradient at the mixer's output, clamped at 0 [n, L]. */
double *vim_column_gradient(struct layer_view *);
/* mean over E of the gradient at the gated output [n, L]. */
double *vim_row_gradient(struct layer_view *);
/* A device buffer of [n, L]. */
real *vim_row_buffer(struct layer_view *);
