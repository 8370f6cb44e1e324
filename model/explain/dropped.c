#include "dropped.h"

#include <math.h>

double dropped_share(const struct geometry *g, const double *v, bool clamp)
{
    double all = 0, dropped = 0;
    for (int k = 0; k < g->tokens; k++) {
        double x = clamp && v[k] < 0 ? 0 : fabs(v[k]);
        all += x;
        dropped += geometry_is_patch(g, k) ? 0 : x;
    }
    return all > 0 ? dropped / all : NAN;
}
