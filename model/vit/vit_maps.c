#include "vit_maps.h"

enum which { Q, K, V };

/* [L, dim] per image and head: part `which` of p [n, L, parts, H, dim], from token `first` on. */
static struct matrix tokens(const struct geometry *g, const struct backend *be,
                            const struct maps_part *m, const real *p, int parts, int which,
                            int first)
{
    size_t d = (size_t)g->width, ld = (size_t)parts * d, dim = d / (size_t)g->heads;
    size_t s0 = (size_t)g->tokens * ld;
    return (struct matrix){ .p = be_at(be, p,
                                       (size_t)m->image * s0 + (size_t)first * ld +
                                           (size_t)which * d + (size_t)m->head * dim),
                            .ld = ld,
                            .s0 = s0,
                            .s1 = dim };
}

/* The maps of p [n, H, L, L] from row m->query on. */
static struct matrix rows(const struct geometry *g, const struct backend *be,
                          const struct maps_part *m, const real *p)
{
    size_t len = (size_t)g->tokens, s1 = len * len;
    return (struct matrix){ .p = be_at(be, maps_in(g, be, m, p), (size_t)m->query * len),
                            .ld = len,
                            .s0 = (size_t)g->heads * s1,
                            .s1 = s1 };
}

/* a bᵀ, both [·, dim], into the maps. */
static void outer(const struct geometry *g, struct backend *be, const struct maps_part *m,
                  struct matrix a, struct matrix b, real *maps)
{
    const struct matmul_args p = { .b0 = m->images,
                                   .b1 = m->heads,
                                   .m = m->queries,
                                   .n = g->tokens,
                                   .k = g->width / g->heads,
                                   .a = a,
                                   .b = b,
                                   .tb = true,
                                   .c = rows(g, be, m, maps),
                                   .alpha = 1.0 };
    be->op.matmul(be, &p);
}

void maps_t_v(const struct geometry *g, struct backend *be, const struct maps_part *m,
              const real *t, const real *qkv, real *maps)
{
    outer(g, be, m, tokens(g, be, m, t, 1, 0, m->query), tokens(g, be, m, qkv, 3, V, 0), maps);
}

void maps_q_k(const struct geometry *g, struct backend *be, const struct maps_part *m,
              const real *qkv, real *maps)
{
    outer(g, be, m, tokens(g, be, m, qkv, 3, Q, m->query), tokens(g, be, m, qkv, 3, K, 0), maps);
}

/* Mᵀ t for the tokens t of the part's rows. */
static void transposed(const struct geometry *g, struct backend *be, const struct maps_part *m,
                       const real *maps, struct matrix t, struct matrix out)
{
    const struct matmul_args p = { .b0 = m->images,
                                   .b1 = m->heads,
                                   .m = g->tokens,
                                   .n = g->width / g->heads,
                                   .k = m->queries,
                                   .a = rows(g, be, m, maps),
                                   .ta = true,
                                   .b = t,
                                   .c = out,
                                   .alpha = 1.0 };
    be->op.matmul(be, &p);
}

void maps_to_v(const struct geometry *g, struct backend *be, const struct maps_part *m,
               const real *maps, const real *t, real *out)
{
    transposed(g, be, m, maps, tokens(g, be, m, t, 1, 0, m->query), tokens(g, be, m, out, 3, V, 0));
}

void maps_to_qk(const struct geometry *g, struct backend *be, const struct maps_part *m,
                const real *maps, const real *qkv, real *out)
{
    const struct matmul_args q = { .b0 = m->images,
                                   .b1 = m->heads,
                                   .m = m->queries,
                                   .n = g->width / g->heads,
                                   .k = g->tokens,
                                   .a = rows(g, be, m, maps),
                                   .b = tokens(g, be, m, qkv, 3, K, 0),
                                   .c = tokens(g, be, m, out, 3, Q, m->query),
                                   .alpha = 1.0 };
    be->op.matmul(be, &q);
    transposed(g, be, m, maps, tokens(g, be, m, qkv, 3, Q, m->query),
               tokens(g, be, m, out, 3, K, 0));
}
