/* What gradcam and hirescam look at. */
#pragma once

#include "sweep.h"

/* Of activations a [n, L, D] and their gradient g: what a method makes of them, into v [L]. */
typedef void cam_fn(struct layer_view *, const real *a, const real *g, struct track *);

/* Runs `cam` on the target that the rules say, at the layer and on the way where it is there. */
void cam_vit_passed(struct layer_view *, struct track *, cam_fn *cam);
void cam_vim_passed(struct layer_view *, const struct rules *, struct track *, cam_fn *cam);
void cam_vim_layer(struct layer_view *, const struct rules *, struct track *, cam_fn *cam);

/* The last layer; for the mixer's output the one below it. E_CONFIG: there is none. */
enum status cam_settle(const struct geometry *, struct rules *, struct error *);

/* (Σ_D ..)⁺ of view->sums into the tracks. */
void cam_finish(struct layer_view *, struct track *);
