/* The explained score (the logit of a class or its probability) and its gradient, with which
 * backward passes begin. */
#include <math.h>
#include <string.h>

#include "sweep.h"

int32_t sweep_argmax(const double *a, int count)
{
    int best = 0;
    for (int i = 1; i < count; i++)
        if (a[i] > a[best])
            best = i;
    return best;
}

/* log Σ exp z */
static double log_sum(const double *z, int classes)
{
    double top = z[sweep_argmax(z, classes)], sum = 0;
    for (int k = 0; k < classes; k++)
        sum += exp(z[k] - top);
    return top + log(sum);
}

double sweep_score(const double *z, int classes, enum explained_score score, int32_t k)
{
    return score == SCORE_LOGIT ? z[k] : exp(z[k] - log_sum(z, classes));
}

double sweep_score_gradient(struct sweep *s, enum explained_score score, int i, int32_t k)
{
    int classes = s->model->geo.classes;
    const double *z = s->host_logits + (size_t)i * (size_t)classes;
    memset(s->onehot, 0, (size_t)classes * sizeof *s->onehot);
    double own = sweep_score(z, classes, score, k);
    if (score == SCORE_LOGIT) {
        s->onehot[k] = 1;
        return own;
    }
    double all = log_sum(z, classes), others = 0;
    for (int j = 0; j < classes; j++) {
        double p = exp(z[j] - all);
        others += j == k ? 0 : p;
        s->onehot[j] = (float)(-own * p);
    }
    s->onehot[k] = (float)(own * others);
    return own;
}
