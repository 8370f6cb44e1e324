/* What is explained: the logit of a class or its probability, and the gradient to begin with. */
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

double sweep_score_gradient(struct sweep *s, enum explained_score score, int i, int32_t k)
{
    int classes = s->model->geo.classes;
    const double *z = s->host_logits + (size_t)i * (size_t)classes;
    memset(s->onehot, 0, (size_t)classes * sizeof *s->onehot);
    if (score == SCORE_LOGIT) {
        s->onehot[k] = 1;
        return z[k];
    }
    double top = z[sweep_argmax(z, classes)], sum = 0, others = 0;
    for (int j = 0; j < classes; j++)
        sum += exp(z[j] - top);
    double own = exp(z[k] - top) / sum;
    for (int j = 0; j < classes; j++) {
        double p = exp(z[j] - top) / sum;
        others += j == k ? 0 : p;
        s->onehot[j] = (float)(-own * p);
    }
    s->onehot[k] = (float)(own * others);
    return own;
}
