/* MambaLRP (Jafari et al., NeurIPS 2024; SPEC 5.5): gradient times input at the tokens, under the
 * changed backward rules of vim_back_rules. Vim only. */
#include "input.h"

static const struct method_on on[] = {
    { "vim", { .bottom = input_times_gradient } },
    { 0 },
};

const struct method method_mambalrp = {
    .info = { .name = "mambalrp",
              .summary = "MambaLRP: relevance of the tokens by rule-changed gradients (Vim)" },
    .gradient = GRADIENT_MAMBALRP,
    .fixed_protocol = true,
    .on = on,
    .sums = true,
};
