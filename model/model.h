/* Models: geometry and weights from a checkpoint, and forward passes on a backend.
 *
 * No architecture is known by name outside this folder; no size is a literal (SPEC 2). */
#pragma once

#include "backend.h"
#include "checkpoint.h"

struct geometry {
    int image_size, patch, stride, grid; /* grid: patches a side */
    int tokens, cls_at;                  /* L with CLS; index of CLS */
    int width, depth, classes;           /* D, Λ */
    int inner, state, taps, rank;        /* Vim: E, N, K, R; else 0 */
    int heads, mlp;                      /* ViT: H, MLP width; else 0 */
};

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
        *arch;      /* "vim", "vit", a name of SPEC 2 (then checked against the shapes), or NULL */
    int image_size; /* 0: from the checkpoint's shapes */
    int heads;      /* 0: width / 64 as in DeiT */
    const char *prefix; /* of the tensors' names that are meant, where two models stand; or NULL */
    bool heads_if_any;  /* an architecture without heads ignores `heads`; else it is an error */
};

/* Takes the checkpoint over, also on failure. E_DATA names the tensor that is missing, left over or
 * of the wrong shape, and the shape that would be right; E_CONFIG names the option. */
enum status model_open(struct checkpoint *, const struct model_options *, struct model **out,
                       struct error *err);
void model_close(struct model *);

/* The published name (SPEC 2) of this very geometry, "vim_small"; else the architecture's. */
const char *model_name(const struct model *);
/* The architecture in a sentence: "Vim". */
const char *model_title(const struct model *);
/* Sizes that only its architecture has, in words: "3 heads" for a line among others (may be ""), or
 * all of them. Returns `text`. */
const char *model_describe(const struct model *, bool all, char *text, size_t size);

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
/* Bytes of device memory the net holds: weights, workspace. */
size_t net_weight_bytes(const struct net *);
size_t net_workspace_bytes(const struct net *);

/* logits [n, classes] on the host, any n (it is cut into batches). views' arrays in device memory.
 */
enum status net_forward(struct net *, const struct view *views, size_t n, float *logits,
                        struct error *err);
