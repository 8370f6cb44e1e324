/* Input times gradient, at the tokens, patch by patch or at the pixels. */
#include "input.h"

static enum status settle(const struct geometry *g, struct rules *r, struct error *err)
{
    (void)g;
    (void)err;
    r->start = 0;
    r->clamp_map = false;
    return OK;
}

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
    .settle = settle,
    .on = on,
    .sums = true,
};
