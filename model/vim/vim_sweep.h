/* A Vim's own part of a sweep (sweep->scratch, view->own). */
#pragma once

#include "sweep.h"
#include "vim_read.h"

enum { SLOTS = 4 }; /* reductions of one layer that are kept: more than any one run asks for */

struct slot {
    bool filled, matrix, own_decay, diagonal;
    enum sign_rule sign;
    enum reduction reduce;
    double *values; /* [n, L] or [n, L, L] */
    double *range;  /* [n, 2] */
};

struct vim_scores {
    struct vim_acts acts;  /* of the layer in hand */
    struct vim_acts *kept; /* [Λ - lowest], or NULL */
    struct vim_acts plain; /* of layers that are not kept */
    struct vim_read read;  /* where more than one token is read */
    struct vim_grads grads;
    const struct vim_layer *w;
    const real *g_out; /* gradient at the mixer's output; g_gated is grads.gated */
    real *row;         /* [n, L, E] the CLS row, both directions */
    real *row_dir[2];  /* [n, L, E] complete rows of each direction */
    real *reduced;     /* [n, L] */
    real *range;       /* [n, 2] */
    real *matrix;      /* [n, L, L], where a method needs it */
    bool row_filled, row_own_decay, row_diagonal;
    struct slot slots[SLOTS];
    int next_slot;
    double *gradient; /* [n, L] host */
    bool wants_matrix;
};

static inline const struct vim_weights *vim_weights_of(const struct sweep *s)
{
    return s->weights;
}

/* Arguments of the whole CLS row, both directions, of the layer in hand. */
struct hidden_row_args vim_row_args(const struct geometry *, const struct vim_scores *, int n);

/* Fills in what the layer in hand says of it, and runs the operation into v->matrix. */
void vim_run_matrix(struct layer_view *, struct hidden_matrix_args *);

/* The row of hidden attention whose identity is checked: that of the CLS token, where there is one.
 */
static inline int vim_row(const struct geometry *g)
{
    return g->cls_at >= 0 ? g->cls_at : g->tokens / 2;
}

extern const struct arch_attention vim_attention; /* vim_explain.c */
enum status vim_check(const struct geometry *, const struct method *,
                      const struct method_functions *, const struct rules *, struct error *);
void vim_rules(const struct geometry *, bool paper, const struct method_functions *,
               struct rules *);
