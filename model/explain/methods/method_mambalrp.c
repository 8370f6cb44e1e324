/* MambaLRP (Jafari et al., NeurIPS 2024; SPEC 5.5): gradient times input at the tokens, under the
 * changed backward rules of vim_back_rules. Vim only. */
#include "input.h"

const struct method method_mambalrp = {
    .info = { .name = "mambalrp",
              .summary = "MambaLRP: relevance of the tokens by rule-changed gradients (Vim)" },
    .gradient = GRADIENT_MAMBALRP,
    .traits = METHOD_SUMS | METHOD_FIXED,
    .on = METHOD_ON({ "vim", { .bottom = input_times_gradient } }),
};
