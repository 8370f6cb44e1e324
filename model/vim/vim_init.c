/* How a Vim's mixer is initialised: as Mamba does it (Gu and Dao 2023). */
#include <math.h>
#include <string.h>

#include "random.h"
#include "randomise.h"
#include "vim.h"

/* A_log = log(1..N), D = 1, Δ between 1e-3 and 1e-1 through the inverse softplus. */
bool vim_initialise(struct tensor *t, uint64_t *state)
{
    if (strncmp(t->name, "rope.", 5) == 0) {
        return true; /* no weights: angles, which stay */
    } else if (ends_with(t->name, "_log")) {
        size_t states = (size_t)t->shape[1];
        for (size_t i = 0; i < t->count; i++)
            t->data[i] = (float)log((double)(i % states + 1));
    } else if (ends_with(t->name, ".D") || ends_with(t->name, ".D_b")) {
        fill_constant(t, 1);
    } else if (strstr(t->name, "dt_proj") != NULL && t->ndim == 1) {
        for (size_t i = 0; i < t->count; i++) {
            double dt = exp(random_uniform(state) * (log(0.1) - log(0.001)) + log(0.001));
            t->data[i] = (float)(dt + log(-expm1(-dt)));
        }
    } else if (strstr(t->name, "dt_proj") != NULL) {
        fill_uniform(t, state, 1 / sqrt((double)t->shape[1]));
    } else if (strstr(t->name, "conv1d") != NULL) {
        fill_uniform(t, state, 0.5); /* 1 / sqrt(K) for PyTorch's Conv1d with K = 4 */
    } else {
        return false;
    }
    return true;
}
