/* Small models with random weights, made in memory: no file is needed. */
#pragma once

#include "vim.h"
#include "vit.h"

struct micro {
    const struct arch_type *type; /* &vim_type, &vit_type */
    int width, depth, grid, patch, classes;
    int inner, state, taps, rank; /* Vim */
    int heads, mlp;               /* ViT */
};

/* A model of this geometry, initialised as published code does, from `seed`. NULL: out of memory.
 */
struct model *micro_model(const struct micro *, uint64_t seed);
/* Its checkpoint alone, all zero: to be broken in tests. */
struct checkpoint *micro_checkpoint(const struct micro *);
