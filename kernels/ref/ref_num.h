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

/* One per file: each fills the slots of its family. */
void REF(fill_input)(struct ops *);
void REF(fill_linear)(struct ops *);
void REF(fill_norm)(struct ops *);
void REF(fill_conv)(struct ops *);
void REF(fill_scan)(struct ops *);
void REF(fill_scan_back)(struct ops *);
void REF(fill_hidden)(struct ops *);
void REF(fill_vit)(struct ops *);
void REF(fill_lrp)(struct ops *);

/* These read float arrays in every backend, and are compiled once. */
op_heat_fn ref_heat;
op_rank_fn ref_rank;
op_impute_fn ref_impute;

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
