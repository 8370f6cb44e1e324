/* For the sources that are compiled twice, with REF_BITS 32 and 64: the element type, and access to
 * the arrays as that type. */
#pragma once

#include "backend.h"

#if REF_BITS == 64
typedef double num;
#define REF(name) ref64_##name
#else
typedef float num;
#define REF(name) ref32_##name
#endif

/* These read float arrays in every backend, and are compiled once. */
#define ref32_heat ref_heat
#define ref64_heat ref_heat
#define ref32_rank ref_rank
#define ref64_rank ref_rank
#define ref32_impute ref_impute
#define ref64_impute ref_impute

/* Every operation is a function ref32_NAME or ref64_NAME, and all of them make the table. */
#define REF_DECLARE(name, args) op_##name##_fn REF(name);
OP_LIST(REF_DECLARE)
#undef REF_DECLARE
op_weight_new_fn REF(weight_new);
op_weight_free_fn REF(weight_free);
extern const struct ops ref32_ops, ref64_ops;

static inline const num *rd(const real *p)
{
    return (const num *)(const void *)p;
}

static inline num *wr(real *p)
{
    return (num *)(void *)p;
}

/* calloc of count doubles; NULL leaves the sticky error behind. */
double *ref_scratch(struct backend *, size_t count);
