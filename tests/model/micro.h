/* Small models with random weights, made in memory: no file is needed. */
#pragma once

#include "vim.h"
#include "vit.h"

struct micro {
    const struct arch_type *type; /* &vim_type, &vit_type */
    int width, depth, grid, patch, classes;
    int inner, state, taps, rank; /* Vim */
    int heads, mlp;               /* ViT */
    /* of the families; all zero: one CLS token, which the head reads */
    enum readout readout;
    int dist, registers, neck, pre_logits;
    bool no_cls, fc_norm, norm_pre, head_norm, gated, undivided, layer_norm;
    bool rope, shared_conv;
};

/* All but the depth of a Vim and a ViT that most tests take: { MICRO_VIM, .depth = 3 }. Images of
 * 16 x 16 pixels, 17 tokens. */
#define MICRO_VIM                                                                                  \
    .type = &vim_type, .width = 24, .grid = 4, .patch = 4, .classes = 6, .inner = 40, .state = 8,  \
    .taps = 4, .rank = 2
#define MICRO_VIT                                                                                  \
    .type = &vit_type, .width = 24, .grid = 4, .patch = 4, .classes = 6, .heads = 3, .mlp = 40

/* All but the depth of a Vim whose grid has a middle: 20 x 20 pixels, 26 tokens, CLS at 12. */
#define MICRO_VIM_5                                                                                \
    .type = &vim_type, .width = 24, .grid = 5, .patch = 4, .classes = 6, .inner = 44, .state = 8,  \
    .taps = 3, .rank = 2

/* A model of this geometry, initialised as published code does, from `seed`; NULL where
 * memory ran out. */
struct model *micro_model(const struct micro *, uint64_t seed);
/* Its checkpoint alone, all zero, for tests that break it. */
struct checkpoint *micro_checkpoint(const struct micro *);
