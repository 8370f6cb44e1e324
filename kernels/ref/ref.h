/* The reference backends: naive, single-threaded, double accumulation. Every other CPU backend
 * starts from their table and overrides what it does better. */
#pragma once

#include "backend.h"

/* Fills every slot. real_size 4: float arrays; 8: double arrays. weight_new, weight_free, linear
 * and linear_back share a struct weight of their own: override all four or none. */
void ref_fill_ops(struct ops *, size_t real_size);

/* View `image` of the operation impute, in `scratch` (road_scratch doubles) and `solution` [S, S,
 * 3]. E_DATA. */
struct impute_args;
enum status ref_impute_view(const struct impute_args *, int image, double *scratch, float *solution,
                            struct error *err);

/* Fills alloc (64-byte aligned), free, upload, download, sync and destroy (free of the struct
 * itself) for arrays in host memory. */
void ref_fill_memory(struct backend *);
