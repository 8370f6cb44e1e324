/* Input times gradient, at the tokens, patch by patch or at the pixels. */
#include "input.h"

static const struct method_on on[] = {
    { "", { .bottom = input_times_gradient } },
    { 0 },
};

const struct method method_ixg = {
    .info = { .name = "ixg", .summary = "input times gradient, signed" },
    .gradient = GRADIENT_PLAIN,
    .levels = 1u << LEVEL_TOKEN | 1u << LEVEL_PATCH | 1u << LEVEL_PIXEL,
    .level = LEVEL_TOKEN,
    .scored = true,
    .backward = true,
    .settle = settle_signed,
    .on = on,
    .sums = true,
};
