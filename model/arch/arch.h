/* The interface of an architecture to the rest of model/: its names, geometry, tensors, weights and
 * passes. Internal to model/. An architecture is a folder with an arch_type, and one line in
 * archs.c. */
#pragma once

#include "bump.h"
#include "model.h"

/* The tensors that a checkpoint of some geometry holds: no more, no fewer. */
struct tensor_spec {
    char name[80];
    int ndim;
    int64_t shape[4];
};

struct tensor_list {
    struct tensor_spec *specs;
    size_t count, room;
    bool out_of_memory;
};

/* Appends a tensor; trailing dimensions that are 0 do not count. */
void tensor_list_add(struct tensor_list *, int64_t d0, int64_t d1, int64_t d2, int64_t d3,
                     const char *format, ...) __attribute__((format(printf, 6, 7)));

struct stem;
struct arch_explain; /* explain/sweep.h */

/* A published geometry; arch_type.complete computes what follows from its sizes. */
struct published_model {
    const char *name; /* "vim_small" */
    struct geometry geo;
};

/* A size that only this architecture has, and that distinguishes its published geometries. */
struct own_size {
    const char *word; /* "heads" */
    size_t offset;    /* of the int in struct geometry */
};

/* The names of tensors by which an architecture is known. */
struct arch_tensors {
    /* Endings of the name of the patch projection's weight, in various code; ends with NULL. */
    const char *const *stems;
    /* Tensors that only this architecture has; any one of them identifies it. Ends with NULL. */
    const char *const *marks;
    const char *layers; /* tensors of layer 3 begin with this and "3." ("blocks.") */
};

struct arch_type {
    const char *name;  /* "vim": what model.arch takes and results hold */
    const char *title; /* "Vim": in sentences */
    struct arch_tensors tensors;

    const struct published_model *published; /* ends with a NULL name; NULL: none */
    const struct own_size *own_sizes;        /* ends with a NULL word; NULL: none */
    void (*complete)(struct geometry *);     /* CLS and own sizes, from those of `published` */

    /* Converts the tensors of other code, with other names or shapes, to those that list_tensors
     * lists, and fills in constants of that code (eps); says so in the notes. NULL: nothing needs
     * to be converted. */
    enum status (*adopt)(struct checkpoint *, const struct model_options *, struct geometry *,
                         struct notes *, struct error *);
    /* Writes into the notes what the tensors do not determine, with the key that does. */
    enum status (*read_geometry)(const struct checkpoint *, const struct model_options *,
                                 struct geometry *, struct notes *, struct error *);
    void (*list_tensors)(const struct geometry *, struct tensor_list *);
    /* Describes its own sizes: "3 heads" for a line among others (may be empty), or all of them. */
    void (*describe)(const struct geometry *, bool all, char *text, size_t size);
    /* Fresh values for a tensor with a special initialisation; false: this tensor has none. NULL:
     * no tensor has one. */
    bool (*initialise)(struct tensor *, uint64_t *random);
    /* After fresh values: tensors that stand for others, or for none, take theirs again. NULL:
     * there are no such tensors. */
    void (*tie)(struct checkpoint *, const struct geometry *);

    /* Makes weights on a backend; `uses` as in weight_new, for every linear layer, and bits of
     * bind_use. NULL: out of memory. */
    void *(*bind)(const struct model *, struct backend *, unsigned uses);
    /* Frees and makes again what is made of the tensors of one part (refresh.h). False: out of
     * memory; only unbind may follow. NULL: all is made again. */
    bool (*rebind)(void *weights, const struct model *, struct backend *, unsigned uses, int part);
    void (*unbind)(void *weights, struct backend *); /* accepts NULL */
    const struct stem *(*stem)(const void *weights);

    /* Lays out the arrays of the classifying forward pass for n images; only measures while b->base
     * is NULL. */
    size_t ws_size; /* of the struct that layout fills in */
    void (*layout)(const struct geometry *, const struct backend *, int n, struct bump *b,
                   void *ws);
    /* tokens [n, L, D] -> logits [n, classes]; tokens are overwritten. */
    void (*forward)(const struct geometry *, struct backend *, const void *weights, void *ws, int n,
                    real *tokens, real *logits);

    const struct arch_explain *explain; /* NULL: only methods that need no model apply */
};

/* All architectures, ending with NULL: archs.c. The list is alone in its file, so that a test can
 * link another one. */
extern const struct arch_type *const arch_types[];

/* A checkpoint in memory with every tensor of a geometry, all zero. NULL: out of memory. */
struct checkpoint *checkpoint_blank(const struct arch_type *, const struct geometry *);

/* ---- shared by the architectures (common.c) ---- */

/* Shape lookups for read_geometry. E_DATA names the tensor. */
enum status need_tensor(const struct checkpoint *, const char *name, int ndim,
                        const struct tensor **out, struct error *err);
/* Computes grid, stride and image size from the number of positions, g->others of which are no
 * patches (SPEC 2). The size is model.image_size, else `size` where whole patches fit it (0: no
 * such size), else that of adjacent patches. */
enum status place_patches(struct geometry *, int64_t positions, int size,
                          const struct model_options *, struct error *err);

/* Patch projection, CLS and position: the same in all of them; a norm where there is one. */
struct stem {
    struct weight *proj;       /* [D, 3 P P] */
    real *proj_b;              /* [D] */
    real *other, *pos;         /* [others, D], [L, D] */
    real *norm_w, *norm_b;     /* [D] of a LayerNorm of all tokens (geometry.norm_pre); or NULL */
    struct rotation *rotation; /* rotate.h, with geometry.rope; or NULL */
};
/* `others`: the tensors of the tokens that are no patches, in the order of geometry.other_at; those
 * that the checkpoint lacks are skipped. Ends with NULL. */
bool stem_bind(struct stem *, const struct model *, struct backend *, const char *const *others);
void stem_unbind(struct stem *, struct backend *);
struct stem_ws {
    real *patches;  /* [n, g*g, 3 P P] */
    real *embedded; /* [n, g*g, D] */
    real *tokens;   /* [n, L, D] before the stem's norm or rotation; NULL: it has neither */
    real *scratch;  /* the same size, with a rotation */
};
void stem_layout(const struct geometry *, const struct backend *, int n, struct bump *,
                 struct stem_ws *);
/* views -> ws->patches; then patches -> tokens [n, L, D]; then both. Only the first depends on the
 * views, so that the rest can be the same from pass to pass. */
void stem_patches(const struct geometry *, struct backend *, const struct stem_ws *,
                  const struct input_format *, const struct view *views, int n);
void stem_embed(const struct geometry *, struct backend *, const struct stem *,
                const struct stem_ws *, int n, real *tokens);
void stem_forward(const struct geometry *, struct backend *, const struct stem *,
                  const struct stem_ws *, const struct input_format *, const struct view *views,
                  int n, real *tokens);

/* Further uses of a linear layer, beside the bits of weight_use. */
enum bind_use {
    BIND_SIGNED = 1 << 8,   /* W⁺ and W⁻ apart */
    BIND_ABSOLUTE = 1 << 9, /* |W| and |b| */
    BIND_USES = BIND_SIGNED | BIND_ABSOLUTE
};

/* W with `f` applied to each element, for products in both directions. */
struct weight *bind_weight_of(const struct model *, struct backend *, float (*f)(float),
                              const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Uploads a tensor that is known to exist. */
real *bind_array(const struct model *, struct backend *, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same transposed: [rows, cols] -> [cols, rows]; `f` (or NULL) is applied to each element. */
real *bind_transposed(const struct model *, struct backend *, float (*f)(float), const char *format,
                      ...) __attribute__((format(printf, 4, 5)));
/* The same times `scale`. */
struct weight *bind_scaled_weight(const struct model *, struct backend *, unsigned uses,
                                  float scale, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
struct weight *bind_weight(const struct model *, struct backend *, unsigned uses,
                           const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Rows [first, first + count) of W, for products x Wᵀ. */
struct weight *bind_weight_rows(const struct model *, struct backend *, int first, int count,
                                const char *format, ...) __attribute__((format(printf, 5, 6)));

/* A linear layer without flags: y [rows, out] = x [rows, in] Wᵀ + b. */
void run_linear(struct backend *, const struct weight *, const real *bias, int rows, const real *x,
                size_t ldx, real *y, size_t ldy);
void run_copy(struct backend *, const real *from, real *to, size_t count);
/* from may equal to */
void run_map2(struct backend *, enum map2 f, const real *a, const real *b, real *out, size_t count,
              double scale);
