/* Inside model/explain: one pass over a model for n images, forward with a tape and then from the
 * top layer down, with everything the asked methods need computed once per layer (method.h). */
#pragma once

#include "method.h"

struct vim_scores; /* vim_sweep.c */
struct vit_scores; /* vit_sweep.c */

/* Rows of a rollout on the device; tracks take them when the sweep ends. */
struct rolled {
    double *v;     /* [n, L] */
    uint8_t *zero; /* [n] */
};

struct layer_view {
    const struct geometry *geo;
    struct backend *be;
    int n, layer;
    struct vim_scores *vim; /* the one of the model's architecture; the other is NULL */
    struct vit_scores *vit;
    const real *tokens, *g_tokens; /* at the bottom: e and its gradient, [n, L, D] */
    double *host, *host2;          /* scratch on the host: [n, L*L], [L*L] */
    const struct rolled *rolled;   /* the job's, on the device; NULL: its tracks, on the host */
};

/* Host arrays that stay valid until the layer changes; [n, ...] */
/* Vim: reduce_d f(CLS row) [n, L], with its range [n, 2]. */
double *vim_row_scores(struct layer_view *, const struct rules *, enum sign_rule,
                       const double **range);
/* Vim: reduce_d f(mixing matrix) [n, L, L], range [n, 2]. */
double *vim_matrix_scores(struct layer_view *, const struct rules *, enum sign_rule,
                          const double **range);
/* Vim: mean_d max(unified CLS row, 0) [n, L] (SPEC 5.3). */
double *vim_unified_scores(struct layer_view *);
/* Vim: max over D of the gradient at the mixer's output, clamped at 0 [n, L]. */
double *vim_column_gradient(struct layer_view *);
/* Vim: mean over E of the gradient at the gated output [n, L]. */
double *vim_row_gradient(struct layer_view *);
/* Vim: a device buffer of [n, L]. */
real *vim_row_buffer(struct layer_view *);
/* ViT: mean over heads of the attention map, or of (gradient ⊙ relevance)⁺, [n, L, L] on the
 * device. */
const real *vit_attention_map(struct layer_view *);
const real *vit_weighted_map(struct layer_view *);
/* ViT: v <- vᵀ (I + K) for every image, K its map, its smallest entries discarded where asked. */
void vit_rollout(struct layer_view *, const struct rules *, struct track *tracks, const real *maps);

/* ---- the sweep ---- */

struct job { /* one method for one class */
    const struct method *method;
    struct rules rules;
    enum class_choice choice;
    int stream;           /* index into streams; -1: no gradient */
    struct track *tracks; /* [n] */
    struct rolled rolled; /* NULLs where the rollout is done on the host */
};

struct stream { /* a gradient (and relevance) on its way down */
    enum gradient_kind kind;
    enum class_choice choice;
    bool lrp;
    int lowest;     /* last layer it has to reach; -1: the model's input */
    bool idle;      /* this time: every image's target is its predicted class */
    real *onehot;   /* [n, classes] */
    real *gradient; /* [n, L, D] */
    real *relevance; /* [n, L, D] or NULL */
};

struct sweep;

/* What an architecture adds to the sweep. `scratch` is its own struct of arrays. */
struct sweep_arch {
    size_t scratch_size;
    void (*layout)(struct sweep *, struct bump *); /* fills sweep->scratch */
    bool (*open)(struct sweep *);                  /* host memory */
    void (*close)(struct sweep *);
    void (*forward)(struct sweep *, int layer, real *x);
    void (*head)(struct sweep *, const real *x, real *logits);
    void (*record)(struct sweep *, int layer, const real *x); /* a new layer's activations */
    void (*top)(struct sweep *, struct stream *, const real *x, const real *logits);
    void (*enter)(struct sweep *, struct stream *, int layer, const real *x);
    void (*leave)(struct sweep *, struct stream *, int layer, const real *x);
};
extern const struct sweep_arch vim_sweep, vit_sweep;

struct sweep {
    const struct model *model;
    struct backend *be;
    const void *weights;
    const struct input_format *format;
    const struct sweep_arch *arch;
    int n_max, n; /* planned; in this call */
    int lowest;   /* lowest layer any job needs */
    bool recorded; /* the forward pass has been through every layer, as it is for this call */
    int job_count, stream_count;
    struct job *jobs;
    struct stream *streams;
    struct layer_view view;
    void *scratch;
    struct stem_ws stem;
    real *x;          /* [n, L, D] residual stream; above a ViT, CLS rows alone: [n, D] */
    real *tape;       /* [Λ - lowest, n, L, D] before each layer */
    real *logits;     /* [n, classes] */
    double *tracks_v; /* [jobs, n, L] */
    double *host_logits; /* [n, classes] */
    float *onehot;       /* [classes] host scratch */
    uint8_t *zero;       /* [n] host scratch */
    float *identity;     /* [n] largest error so far in this call */
    void *memory;
    size_t bytes;
};

/* jobs are copied; streams are found. n: the most images at once. */
enum status sweep_open(const struct model *, struct backend *, const void *weights,
                       const struct input_format *, const struct job *jobs, int job_count, int n,
                       struct sweep **out, struct error *err);
void sweep_close(struct sweep *);
/* Runs all jobs. predicted [n]: class to explain, -1 on entry = the model's own, filled in. target
 * [n]. Afterwards the jobs' tracks hold v; a job whose stream was idle holds nothing. */
void sweep_run(struct sweep *, const struct view *views, int n, int32_t *predicted,
               const int32_t *target);
/* Forward up to `layer` and its activations, for the functions below. */
void sweep_record(struct sweep *, const struct view *views, int n, int layer);
size_t sweep_bytes(const struct sweep *);
/* Whether the layers' activations, so many bytes each, are kept from the forward pass; else each
 * layer is computed again on the way down. */
bool sweep_keeps(const struct sweep *, size_t layer_bytes);

/* ---- of the layer last recorded, first image; arrays on the device ---- */

const real *vim_cls_row(struct sweep *, int direction); /* [L, E], complete */
const real *vim_matrix(struct sweep *, int channel);    /* [L, L]; -1: mean over channels */
const real *vit_matrix(struct sweep *, int head);       /* [L, L]; -1: mean over heads */
const real *vit_relevance(struct sweep *);              /* [H, L, L] of the lowest layer swept */
