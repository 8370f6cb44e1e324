/* Inside results/: functions that fill score_kinds, where they do not stand beside it. */
#pragma once

#include "score_values.h"

/* ---- score_curves.c ---- */
score_fill fill_positive_auc, fill_negative_auc, fill_deletion, fill_insertion, fill_aopc,
    fill_sufficiency, fill_log_odds, fill_srg, fill_mrg, fill_lrg, fill_deletion_relative,
    fill_insertion_relative, fill_deletion_ranged, fill_insertion_ranged,
    fill_deletion_relative_of_means, fill_insertion_relative_of_means,
    fill_deletion_ranged_of_means, fill_insertion_ranged_of_means, fill_deletion_monotonicity,
    fill_insertion_monotonicity, fill_deletion_mas, fill_insertion_mas;

/* ---- score_randomisation.c ---- */
score_fill fill_cascade_spearman, fill_cascade_spearman_abs, fill_cascade_pearson,
    fill_cascade_ssim, fill_independent_spearman, fill_independent_spearman_abs,
    fill_independent_pearson, fill_independent_ssim, fill_emprt;
