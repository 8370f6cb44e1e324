/* Input times gradient, at the tokens, patch by patch or at the pixels. */
#include "input.h"

const struct method method_ixg = {
    .info = { .name = "ixg", .summary = "input times gradient, signed" },
    .gradient = GRADIENT_PLAIN,
    .traits = METHOD_SUMS | METHOD_SCORED | METHOD_BACKWARD,
    .levels = 1u << LEVEL_TOKEN | 1u << LEVEL_PATCH | 1u << LEVEL_PIXEL,
    .level = LEVEL_TOKEN,
    .settle = settle_signed,
    .on = METHOD_ON({ "", { .bottom = input_times_gradient } }),
};
