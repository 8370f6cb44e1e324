/* Products of parts of a ViT block's attention maps, for its gradient and its LRP. */
#pragma once

#include "vit.h"

/* A part of the maps that is processed together: all of them, or one at a time, so that it stays in
 * a CPU's cache between operations. In the last block's maps only the CLS token's row carries
 * gradient and relevance; all other results are 0. */
struct maps_part {
    int image, images, head, heads;
    int query, queries; /* rows of the maps that are not 0 */
};

static inline int maps_parts(const struct geometry *g, const struct backend *be, int n)
{
    return be->lane_images > 0 ? n * g->heads : 1;
}

static inline struct maps_part maps_part(const struct geometry *g, const struct backend *be,
                                         bool cls_only, int n, int index)
{
    bool one = be->lane_images > 0;
    return (struct maps_part){ .image = one ? index / g->heads : 0,
                               .images = one ? 1 : n,
                               .head = one ? index % g->heads : 0,
                               .heads = one ? 1 : g->heads,
                               .query = cls_only ? g->cls_at : 0,
                               .queries = cls_only ? 1 : g->tokens };
}

/* The part's first map in p [n, H, L, L]; its maps follow each other, maps_count elements in all.
 */
static inline real *maps_in(const struct geometry *g, const struct backend *be,
                            const struct maps_part *m, const real *p)
{
    size_t len = (size_t)g->tokens, map = (size_t)m->image * (size_t)g->heads + (size_t)m->head;
    return be_at(be, p, map * len * len);
}

static inline size_t maps_count(const struct geometry *g, const struct maps_part *m)
{
    return (size_t)m->images * (size_t)m->heads * (size_t)g->tokens * (size_t)g->tokens;
}

/* Products of the part's maps M [n, H, L, L] with tokens t [n, L, H, dim] and with q, k and v of
 * qkv [n, L, 3, H, dim], in its rows alone: */
/* M = t vᵀ */
void maps_t_v(const struct geometry *, struct backend *, const struct maps_part *, const real *t,
              const real *qkv, real *maps);
/* M = q kᵀ */
void maps_q_k(const struct geometry *, struct backend *, const struct maps_part *, const real *qkv,
              real *maps);
/* v of out = Mᵀ t */
void maps_to_v(const struct geometry *, struct backend *, const struct maps_part *,
               const real *maps, const real *t, real *out);
/* q of out = M k, k of out = Mᵀ q */
void maps_to_qk(const struct geometry *, struct backend *, const struct maps_part *,
                const real *maps, const real *qkv, real *out);

/* Zeros; `finite` is any array of `count` without NaN and infinity. */
static inline void run_zero(struct backend *be, const real *finite, real *out, size_t count)
{
    run_map2(be, MAP_COPY, finite, NULL, out, count, 0.0);
}
