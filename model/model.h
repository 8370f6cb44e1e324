/* Models: geometry and weights from a checkpoint, and forward passes on a backend.
 *
 * No architecture is known by name outside this folder; no size is a literal (SPEC 2). */
#pragma once

#include "backend.h"
#include "checkpoint.h"

/* Which of the last layer's tokens the head reads. */
enum readout {
    READ_TOKEN,     /* one token: cls_at */
    READ_TWO_HEADS, /* the first two others, each with a head of its own; the mean of the logits */
    READ_REGISTERS, /* the others side by side, each through a neck where there is one */
    READ_OTHERS,    /* the mean of the others */
    READ_MEAN,      /* the mean of the patches */
    READ_MEAN_ALL,  /* the mean of all tokens */
    READ_TOKEN_AND_MEAN /* cls_at and the mean of the patches, side by side */
};

enum mlp_act { MLP_GELU, MLP_TANH_GELU, MLP_QUICK_GELU, MLP_SILU };

struct geometry {
    int image_size, patch, stride, grid; /* grid: patches a side */
    int tokens;                          /* L: patches and others */
    int others;                          /* tokens that are no patches */
    int other_at[EMBED_OTHERS];          /* where they stand, ascending */
    int cls_at;                          /* index of CLS; -1: there is none */
    enum readout readout;
    int width, depth, classes;    /* D, Λ */
    double eps;                   /* of the norms */
    int inner, state, taps, rank; /* Vim: E, N, K, R; else 0 */
    bool in_bias, out_bias;       /* Vim: of W_in, W_out */
    bool undivided;               /* Vim: the directions' sum enters W_out, not their mean */
    bool layer_norm;              /* Vim: LayerNorm in place of RMSNorm */
    bool one_direction;           /* Vim: the second one's tensors are zeros */
    bool shared_conv;             /* Vim v1: both directions scan what is convolved in order */
    bool rope;                    /* Vim: all tokens are rotated before every layer */
    int neck;            /* Vim with registers: D / k, what the neck leaves of one; 0: none */
    int heads, mlp;      /* ViT: H, MLP width; else 0 */
    int dist, registers; /* ViT: distillation tokens, register tokens, among the others */
    bool fc_norm;        /* ViT: the norm comes after the mean */
    bool norm_pre;       /* ViT: a norm of all tokens before the first block */
    bool head_norm;      /* ViT: norms of q and of k in every head */
    int pre_logits;      /* ViT: width of a hidden layer before the head, tanh of it; 0: none */
    bool gated;          /* ViT: MLP = fc2(act(fc1) ⊙ value) */
    enum mlp_act act;    /* ViT */
};

static inline bool geometry_is_patch(const struct geometry *g, int token)
{
    for (int i = 0; i < g->others; i++)
        if (g->other_at[i] == token)
            return false;
    return true;
}

/* Whether the sum of patches, others and positions is changed before the first layer. */
static inline bool geometry_stem_goes_on(const struct geometry *g)
{
    return g->norm_pre || g->rope;
}

/* Writes the weight of each token in the read-out, w [L], with sum 1. Explanations begin with it;
 * for a read-out of one token it is a unit vector. */
void geometry_readout(const struct geometry *, double *w);

struct arch_type; /* one per architecture, in a folder of its own: vim/, vit/ */

struct model {
    const struct arch_type *type;
    const char *arch; /* its name: "vim", "vit" */
    struct geometry geo;
    struct checkpoint *checkpoint; /* owned */
    size_t parameters;
    struct notes notes; /* what the tensors do not settle and was assumed, what was left out */
};

struct model_options {
    const char
        *arch;       /* "vim", "vit", a name of SPEC 2 (then checked against the shapes), or NULL */
    int image_size;  /* 0: from the checkpoint's shapes */
    int heads;       /* 0: width / 64 as in DeiT */
    double eps;      /* of the norms; 0: the architecture's */
    const char *cls; /* Vim: position of its only CLS: "middle", "first", "last"; NULL: middle */
    bool undivided;  /* Vim: the sum of both directions is not halved */
    const char *pool; /* what meets the head: "cls", "mean", "all"; NULL: told by the tensors */
    const char *activation; /* ViT: "gelu", "tanh", "quick", "silu"; NULL: gelu, gated silu */
    bool plain_blocks;      /* ViT: pre-norm without rotary positions, whatever its names suggest */
    const char *prefix; /* prefix of the tensors to use, where a file holds two models; or NULL */
    bool heads_if_any;  /* an architecture without heads ignores `heads`; else it is an error */
};

/* Takes ownership of the checkpoint, also on failure. E_DATA names the tensor that is missing, left
 * over or of the wrong shape, and the shape that would be right; E_CONFIG names the option. */
enum status model_open(struct checkpoint *, const struct model_options *, struct model **out,
                       struct error *err);
void model_close(struct model *);

/* The architecture in a sentence: "Vim". */
const char *model_title(const struct model *);
/* Its tokens in words: "17 tokens (CLS at 0)", "22 tokens (CLS at 0, 5 more that are no patches)".
 */
const char *model_tokens(const struct model *, char *text, size_t size);
/* Sizes that only its architecture has, in words: "3 heads" for a line among others (may be ""), or
 * all of them. Returns `text`. */
const char *model_describe(const struct model *, bool all, char *text, size_t size);

/* Names of the published geometries ("vim_tiny", ...), one after the other; NULL past the last. */
const char *model_published_name(int index);
/* A model of a published geometry ("vim_small", ...) with fresh random weights: for benchmarks,
 * where only the shapes matter. E_CONFIG: no such name. */
enum status model_synthesise(const char *name, uint64_t seed, struct model **out,
                             struct error *err);

/* A model bound to a backend: packed weights, planned memory. */
struct net;

struct input_format { /* how views become patches (SPEC 3) */
    float mean[3], std[3], fill_rgb[3];
};
extern const struct input_format input_imagenet; /* ImageNet's mean and std, black fill */

/* `batch`: the most images in one call. The backend must outlive the net. */
enum status net_open(const struct model *, struct backend *, const struct input_format *, int batch,
                     struct net **out, struct error *err);
void net_close(struct net *);
const struct backend *net_backend(const struct net *);
/* Lends the net's backend and weights for other passes over the same model, between its own. The
 * weights are made again where they do not support `uses` (WEIGHT_...). Valid until net_close. */
enum status net_lend(struct net *, unsigned uses, struct backend **be, void **weights,
                     struct error *err);
/* Bytes of device memory for activations of a net that is not open; 0: out of memory. */
size_t net_plan_bytes(const struct model *, struct backend *, int batch);
/* Bytes of device memory the net holds: weights, workspace. */
size_t net_weight_bytes(const struct net *);
size_t net_workspace_bytes(const struct net *);

/* Computes logits [n, classes] on the host, for any n (in batches). The views' arrays lie in device
 * memory. */
enum status net_forward(struct net *, const struct view *views, size_t n, float *logits,
                        struct error *err);
