/* What gradcam and hirescam have in common: where they look, and how their map ends. */
#pragma once

#include "sweep.h"

/* Of activations a [n, L, D] and their gradient g: Σ_D of what a method weighs, into view->sums. */
typedef void cam_fn(struct layer_view *, const real *a, const real *g);

/* A method's functions: `cam` of its rules, on the target that they say. */
extern const struct method_on cam_on[];

/* The last layer; for the mixer's output the one below it. E_CONFIG: there is none. */
enum status cam_settle(const struct geometry *, struct rules *, cam_fn *cam, struct error *);
