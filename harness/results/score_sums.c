#include "score_sums.h"

#include <math.h>

void score_sums(const struct segmentation_score *s, double *row)
{
    row[SUM_CORRECT] = s->correct;
    row[SUM_LABELLED] = s->labelled;
    for (int c = 0; c < 2; c++) {
        row[SUM_INTERSECTION + c] = s->intersection[c];
        row[SUM_UNITED + c] = s->united[c];
    }
    row[SUM_AP] = isnan(s->ap) ? 0 : (double)s->ap;
    row[SUM_AP_IMAGES] = !isnan(s->ap);
}

void score_sum_figures(const double *sums, double figures[SCORE_SUM_FIGURES])
{
    figures[0] = 100 * sums[SUM_CORRECT] / sums[SUM_LABELLED];
    figures[1] = 100 * sums[SUM_AP] / sums[SUM_AP_IMAGES];
    figures[2] = sums[SUM_LABELLED] > 0 ? 0 : NAN;
    for (int c = 0; c < 2; c++)
        if (sums[SUM_UNITED + c] > 0)
            figures[2] += 50 * sums[SUM_INTERSECTION + c] / sums[SUM_UNITED + c];
}
