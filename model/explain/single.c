/* The arrays of a mixed sweep's forward pass, as its way down reads them: rounded to float. */
#include "sweep.h"

static size_t patch_elements(const struct geometry *g) /* of an image */
{
    return (size_t)g->grid * (size_t)g->grid * 3 * (size_t)g->patch * (size_t)g->patch;
}

void single_layout(struct sweep *s, struct bump *b)
{
    const struct geometry *g = &s->model->geo;
    size_t n = (size_t)s->n_max, size = s->down->real_size;
    size_t tokens = n * (size_t)g->tokens * (size_t)g->width;
    s->single.x = bump_take(b, tokens, size);
    s->single.logits = bump_take(b, n * (size_t)g->classes, size);
    s->single.tokens = geometry_stem_goes_on(g) ? bump_take(b, tokens, size) : NULL;
    s->single.patches = s->input != NULL ? bump_take(b, n * patch_elements(g), size) : NULL;
}

const real *to_single(const struct sweep *s, const real *from, real *to, size_t count)
{
    const struct to_single_args a = { .count = count, .x = from, .out = to };
    if (!sweep_mixed(s))
        return from;
    s->be->op.to_single(s->be, &a);
    return to;
}

const real *single_tokens(const struct sweep *s, const real *from, real *to)
{
    const struct geometry *g = &s->model->geo;
    return to_single(s, from, to, (size_t)s->n * (size_t)g->tokens * (size_t)g->width);
}

/* Where no method reads them, they are not rounded. */
const real *single_patches(const struct sweep *s)
{
    if (s->input == NULL)
        return s->stem.patches;
    return to_single(s, s->stem.patches, s->single.patches,
                     (size_t)s->n * patch_elements(&s->model->geo));
}
