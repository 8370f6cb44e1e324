/* A sweep: one pass over a model for n images, forward with a tape and then from the top layer
 * down. Everything that the requested methods need is computed once per layer (method.h). */
#pragma once

#include "inspect.h"
#include "method.h"

struct input; /* input.h */
struct input_weights;
struct sampling; /* sampling.h */
struct at_sample;

/* Rows of a rollout on the device; they are copied to the tracks when the sweep ends. */
struct rolled {
    double *v;     /* [n, L] */
    uint8_t *zero; /* [n] */
};

struct layer_view {
    const struct geometry *geo;
    struct backend *be;
    int n, layer;
    void *own;           /* the architecture's: vim_scores.h, vit_scores.h */
    const real *x, *g_x; /* once a layer is passed: its input and the gradient there, [n, L, D] */
    const real *tokens, *g_tokens; /* at the bottom: e and its gradient, [n, L, D] */
    real *relevance;               /* there: e's relevance [n, L, D], or NULL; may be changed */
    const real *bias;              /* there: Σ b ⊙ gradient at its layer's output, [n, L] */
    const double *score;           /* [n] what is explained */
    const struct at_sample *at;    /* of a method with a sampler: sampling.h */
    const struct input *input;   /* input.h: what leads from there to patches and pixels; or NULL */
    const real *patches;         /* [n, g*g, 3 P P] what the model saw */
    real *sums;                  /* [n, L] scratch */
    real *row;                   /* [n, D] scratch */
    const real *patch_mean;      /* [L] 1/P at each of the P patches, 0 elsewhere */
    double *host, *host2;        /* scratch on the host: [n, L*L], [L*L]; at least [H, L] each */
    const struct rolled *rolled; /* the job's, on the device; NULL: its tracks, on the host */
};

/* ---- the sweep ---- */

struct job {                          /* one method for one class */
    const struct method *method;      /* one that runs: see method_run_by */
    const struct method_functions *f; /* on the model's architecture; found by sweep_open */
    struct rules rules;
    enum class_choice choice;
    int stream;           /* index into streams; -1: no gradient */
    struct track *tracks; /* [n] */
    struct rolled rolled; /* NULLs where the rollout is done on the host */
    real *sum;            /* [n, sampler.sum], or NULL */
};

struct stream {                    /* a gradient (and relevance) that is passed down */
    const struct sampler *sampler; /* where it is taken; NULL: at the image */
    enum gradient_kind kind;
    enum explained_score score;
    enum class_choice choice;
    const struct rules *rules; /* of a job of it: those of the backward pass are all the same */
    bool lrp;
    int lowest;   /* last layer it has to enter */
    int passed;   /* last layer whose input it has to reach */
    bool bottom;  /* some method takes it from the model's input */
    bool twin;    /* of the target; the predicted class has the same one */
    bool idle;    /* this time: every image's target is its predicted class, and a twin has it */
    real *onehot; /* [n, classes] gradient of the score at the logits; 1 at the class, if a logit */
    real *gradient; /* [n, L, D] */
    bool wants_bias;
    real *bias;       /* [n, L] Σ over biases of b ⊙ the gradient where it is added, or NULL */
    double *score_of; /* [n] the explained logit, or its probability */
    real *relevance;  /* [n, L, D] or NULL */
};

struct sweep;

/* The functions and facts that an architecture contributes to the sweep. */
/* An architecture's own struct of arrays, sweep->scratch and view->own. */
struct arch_scratch {
    size_t size;
    bool (*open)(struct sweep *); /* host memory; before layout */
    void (*close)(struct sweep *);
    void (*layout)(struct sweep *, struct bump *); /* fills sweep->scratch; called twice */
    /* One layer's recorded activations. NULL: they are never kept. */
    void (*layout_layer)(const struct sweep *, struct bump *);
};

struct arch_explain {
    const struct arch_method *methods; /* ends with a NULL method; NULL: none of its own */
    unsigned gradients;                /* bits 1 << gradient_kind: backward passes that it has */
    unsigned mixed;                    /* those of them that may run mixed, see sweep_on */
    bool relevance;                    /* has the relevance of attention maps (LRP) */
    bool rolls_on_device; /* its layer functions can keep a rollout's row in rolled, see layer_view
                           */

    /* Of explain_options, those that mean something here: bits of explain_switch. */
    unsigned switches;
    /* The protocol's rules for a method, before options change them. */
    void (*rules)(const struct geometry *, bool paper, const struct method_functions *,
                  struct rules *);

    /* Whether the method's reading, with its rules settled, has a meaning on this model: E_CONFIG
     * says why not. NULL: always. */
    enum status (*check)(const struct geometry *, const struct method *,
                         const struct method_functions *, const struct rules *, struct error *);

    struct arch_scratch scratch;
    void (*forward)(struct sweep *, int layer, real *x);
    void (*head)(struct sweep *, const real *x, real *logits);
    void (*record)(struct sweep *, int layer, const real *x); /* a new layer's activations */
    /* Gradients, where it has any: from the logits, into a layer, out of it. */
    void (*top)(struct sweep *, struct stream *, const real *x, const real *logits);
    void (*enter)(struct sweep *, struct stream *, int layer, const real *x);
    void (*leave)(struct sweep *, struct stream *, int layer, const real *x);
    /* Through the stem's norm or rotation: from the stream's gradient to g, at the tokens before
     * it. NULL: it never has one. */
    void (*below)(struct sweep *, const struct stream *, const real *tokens, real *g);

    const struct arch_attention *attention; /* NULL: it has no attention to look at */
};

/* The attention itself, for inspect.h: of the layer that was recorded last, first image. */
struct arch_attention {
    struct attention_kind kind;
    int (*count)(const struct geometry *);            /* matrices of a layer (a direction) */
    int (*inner)(const struct geometry *);            /* that each is the sum of; NULL: of none */
    const real *(*matrix)(struct sweep *, int which); /* [L, L] on the device; -1: their mean */
    /* Row c: mean over the matrices of |a| and of a, both [L] on the host. */
    enum status (*influence)(struct sweep *, double *absolute, double *mean, struct error *);
    const real *(*cls_row)(struct sweep *, int direction); /* [L, count] on the device; or NULL */
    const real *(*relevance)(struct sweep *); /* [count, L, L] of the lowest layer swept; or NULL */
};

/* What sweeps run on. Mixed: `down` is the sister of `be` (backend_single). Then the forward pass,
 * what it leaves and the residuals' rule are in double, and all else from the logits down in float:
 * an architecture says that its gradients can (arch_explain.mixed). */
struct sweep_on {
    struct backend *be, *down; /* down: be itself, but where mixed */
    const void *weights, *down_weights;
    const struct input_weights *input; /* on `down`; NULL where input_wanted of no job */
};

/* What the way down reads of the forward pass: its arrays themselves; where mixed, rounded. */
struct sweep_single {
    real *x, *logits; /* as in struct sweep; x also of the layer in hand */
    real *tokens;     /* of the stem, where it goes on; else NULL */
    real *patches;    /* NULL: no method needs the input */
};

struct sweep {
    const struct model *model;
    struct backend *be, *down; /* forward; from the logits down: see sweep_on */
    const void *weights, *down_weights;
    const struct input_format *format;
    const struct arch_explain *arch;
    int n_max, n;    /* planned; in this call */
    int lowest;      /* lowest layer any job needs */
    int own_lowest;  /* the same at the images themselves */
    bool at_samples; /* in hand are inputs made from images */
    bool keeps; /* layers' activations are kept from the forward pass, from `lowest` on; else each
                   is computed again on the way down */
    bool recorded; /* the forward pass has been through every layer, as it is for this call */
    int job_count, stream_count;
    struct job *jobs;
    struct stream *streams;
    struct layer_view view;
    struct input *input;              /* NULL: no method needs it */
    struct sampling *sampling;        /* the same */
    uint64_t seed;                    /* of draws; the caller's to set, as is */
    const uint64_t *hash;             /* [n] of the images, for each call, and what follows */
    const uint8_t *const *references; /* [reference_count], on the device */
    int reference_count;
    struct explain_passes passes; /* so far: images through all layers */
    void *scratch;
    struct stem_ws stem;
    const real *layer_x;        /* of the layer in hand: its input, as the forward pass has it */
    struct sweep_single single; /* NULLs, but where mixed */
    real *x;                    /* [n, L, D] residual stream; above a ViT, CLS rows alone: [n, D] */
    real *g_tokens;      /* [n, L, D] at the tokens before the stem's norm or rotation; or NULL */
    real *tape;          /* [Λ - lowest, n, L, D] before each layer */
    real *logits;        /* [n, classes] */
    real *patch_mean;    /* [L] */
    double *tracks_v;    /* of all jobs' tracks */
    double *host_logits; /* [n, classes] */
    float *onehot;       /* [classes] host scratch */
    uint8_t *zero;       /* [n] host scratch */
    float *zeros;        /* [n, L] */
    double *scores;      /* of all streams */
    float *identity;     /* [n] largest error so far in this call */
    void *memory;
    size_t bytes;
};

/* Layers' activations: kept where little or much is free, kept, or computed again on the way down.
 * The results are the same. */
enum sweep_layers { LAYERS_AUTO, LAYERS_KEPT, LAYERS_AGAIN };

/* jobs are copied; streams are found. n: the most images at once. */
enum status sweep_open(const struct model *, const struct sweep_on *, const struct input_format *,
                       const struct job *jobs, int job_count, int n, enum sweep_layers,
                       struct sweep **out, struct error *err);
/* The bytes of device memory that the same would take. */
enum status sweep_measure(const struct model *, const struct sweep_on *, const struct job *jobs,
                          int job_count, int n, enum sweep_layers, size_t *bytes,
                          struct error *err);
void sweep_close(struct sweep *);
/* Runs all jobs. predicted [n]: class to explain, -1 on entry = the model's own, filled in. target
 * [n]. Afterwards the jobs' tracks hold v; a job whose stream was idle holds nothing. */
void sweep_run(struct sweep *, const struct view *views, int n, int32_t *predicted,
               const int32_t *target);
/* Forward up to `layer` and its activations, for the functions below. */
void sweep_record(struct sweep *, const struct view *views, int n, int layer);
size_t sweep_bytes(const struct sweep *);

static inline bool sweep_mixed(const struct sweep *s)
{
    return s->down != s->be;
}

/* ---- single.c: what a mixed sweep's way down reads, rounded; of others the arrays themselves ----
 */

void single_layout(struct sweep *, struct bump *);
/* from [count] of the forward pass, rounded into `to`. */
const real *to_single(const struct sweep *, const real *from, real *to, size_t count);
/* The same of [n, L, D]; of the patches. */
const real *single_tokens(const struct sweep *, const real *from, real *to);
const real *single_patches(const struct sweep *);

/* ---- streams.c ---- */

/* Fills in s->streams and what jobs have of them: jobs that need the same gradient share one. */
void sweep_find_streams(struct sweep *);
/* What a run of these jobs costs an image, and `once` for each sweep. */
enum status sweep_plan(const struct model *, const struct job *jobs, int job_count,
                       struct explain_passes *out, struct error *err);

/* For samples: from s->stem.patches of `items` inputs to the logits; and the gradients of a sampler
 * from there to the tokens, input i being made from image i % images. */
void sweep_forward(struct sweep *, int items);
void sweep_down(struct sweep *, const struct sampler *, int images, const int32_t *predicted,
                const int32_t *target);

/* ---- method.c ---- */

/* What the jobs want linear layers for: bits of weight_use and bind_use. */
unsigned jobs_weight_uses(const struct job *, int count, const struct arch_type *);

/* ---- score.c ---- */

int32_t sweep_argmax(const double *, int count);
/* z_k, or its probability. */
double sweep_score(const double *z, int classes, enum explained_score, int32_t k);
/* The same of input i of the sweep; sweep->onehot: its gradient at the logits, of the latter
 * p_k (1 - p_k) at k and -p_k p_j elsewhere, 1 - p_k as the sum of the others, which does not
 * cancel. */
double sweep_score_gradient(struct sweep *, enum explained_score, int i, int32_t k);
