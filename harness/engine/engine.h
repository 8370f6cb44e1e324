/* An engine classifies images and explains its decisions.
 *
 * The native one is a model of this program on one of its backends (cpu, cuda, ref). Others ask a
 * model in another process, or have none: they only score maps that come from files. The code that
 * runs images, masks them, ranks heat and scores knows none of these kinds: it hands over images in
 * the engine's memory, and gets logits and maps.
 *
 * An engine is opened in three steps, so that mistakes are found before memory is taken:
 * engine_open (the model: `info` and the methods are known), engine_start (device, memory for a
 * batch: engine_classify works), engine_prepare (methods and classes: engine_explain works). */
#pragma once

#include "explain.h"
#include "published.h"

struct engine;

struct engine_options {     /* texts are borrowed until engine_close */
    const char *checkpoint; /* .pth or .safetensors file; NULL: random weights of the published
                               geometry model.arch, for measurements */
    struct checkpoint_options which;
    struct model_options model;
    const char *command;   /* of model.arch "worker": what starts it (docs/worker.md) */
    double timeout;        /* seconds that a worker may take for an answer; 0: no limit */
    bool (*stopped)(void); /* looked at while it computes: E_STOPPED; NULL: never */

    const char *device;       /* "auto", "cpu", "cuda", "ref"; NULL: "auto" */
    enum precision precision; /* of the matrix products of forward passes */
    int threads;              /* CPU threads; 0: all */
    int place;                /* number of the GPU, modulo the number of GPUs */
    int batch;             /* most images that are explained at a time; 0: what serves the device */
    size_t memory;         /* bytes that a run may take of the device; 0: what is free there, but
                              for a margin; of a CPU's any */
    bool mean_fill;        /* removed pixels become the mean colour; else black */
    float mean[3], std[3]; /* of the model's input; std of 0: ImageNet's */
    bool no_graphs;        /* as in backend_options */
    bool profiled;         /* operations are timed (profile.h) */
};

/* What distinguishes this model from others; stored as attributes of the result file. */
struct engine_identity {
    const char *name, *text; /* "checkpoint_sha256", 64 digits */
    const char *noun;        /* what it identifies, for messages: "checkpoint" */
    bool decides;            /* two runs may share their work only where this is equal */
};
enum { ENGINE_IDENTITIES = 8 };

/* Which published checkpoint the weights are, according to the hash of their file and never to its
 * shapes. */
struct engine_weights {
    enum weights_known how;
    struct published_entry published; /* empty where they are unknown */
    char title[96];                   /* in words */
};

struct engine_method {
    const char *name, *summary;
    bool class_agnostic;            /* its map does not depend on the explained class */
    bool control;                   /* not an explanation; explanations are compared with it */
    enum explain_precision runs_in; /* by the options settled last; 0: nobody knows */
    bool adds_up;    /* explain_result.sum_error tells how far its terms miss the score */
    bool sampled;    /* goes through the model many times: engine_plan */
    bool references; /* begins at images of the data set: engine_references */
    int side;        /* its maps are [side, side]: 1 to image_size */
};

/* Valid after engine_open, except where noted. */
struct engine_info {
    char name[80];  /* of the model, as tables have it: "vim_small" where its weights are known
                       as those, else "vim" */
    char title[96]; /* the same for a heading: "vim (6 layers, width 48)" */
    struct engine_weights weights;
    const char *arch; /* "vim" */
    int image_size;   /* S: images are [S, S, 3] */
    int classes;      /* 0: there is no model, and nothing is predicted */
    int others;       /* tokens of a native model that are no patches, CLS among them; else 0 */
    int grid;         /* side of maps by default */
    struct input_format format;
    struct engine_identity identity[ENGINE_IDENTITIES];
    int identity_count;
    char about[400];           /* one line for people: sizes of the model */
    char source[400];          /* the same: where it comes from ("checkpoint ..., sha256 ...") */
    const struct notes *notes; /* what was assumed; NULL: nothing */

    /* After engine_start. */
    const char *device;  /* the device that was chosen: "cpu"; devices round differently */
    const char *kernels; /* of a GPU, where others than its first choice were asked for:
                            "scan=single"; else "" */
    enum precision precision;
    int threads, batch;
    char batch_why[120]; /* of a batch that was not asked for */
    int at_once;         /* after engine_prepare: images of a batch that are explained at a time */
    size_t memory;       /* what a run may take of the device; 0: any */
    size_t beside_bytes; /* of it: what the user takes, see engine_beside */
    int busy;            /* fewest images that keep all of the device busy */
    bool on_host;        /* images lie in host memory, and the host's processors compute */
    size_t weight_bytes, workspace_bytes;
    size_t explain_bytes; /* after engine_prepare */
};

/* A kind of engine; a const table each, listed in engine_kinds[] (engine.c). The functions of
 * struct engine below go through it. */
struct engine_life {
    /* Fill engine->state, info, methods. A failure is followed by close. */
    enum status (*open)(struct engine *, struct error *);
    enum status (*start)(struct engine *, struct error *);
    /* Called after memory ran out on the device and info.batch was reduced: frees what depends on
     * the batch and allocates it again; `prepared` says whether that includes explanations. NULL:
     * nothing does. */
    enum status (*shrink)(struct engine *, bool prepared, struct error *);
    void (*close)(struct engine *); /* NULL: there is no state */
};

struct engine_maps {
    /* Settles methods under these options, and with them the size of their maps. NULL: they are as
     * open says. */
    void (*settle)(struct engine *, const struct explain_options *);
    enum status (*prepare)(struct engine *, struct error *); /* NULL: there is nothing to do */
    /* Takes engine->references to the device. NULL: no method needs any. */
    enum status (*refer)(struct engine *, struct error *);
    /* Passes of a prepared method, or of all (-1). NULL: nothing is known of them. */
    enum status (*plan)(const struct engine *, int method, struct explain_passes *, struct error *);
    enum status (*explain)(struct engine *, const struct explain_image *, int n,
                           const struct explain_result *, struct error *);
};

struct engine_kind {
    const char *name; /* "native" */
    /* Whether this kind accepts the options; the last kind in the list accepts all. */
    bool (*serves)(const struct engine_options *);
    /* Names that a method may have as long as the model is not open, NULL-terminated; NULL: any
     * name. */
    const char *const *(*method_names)(void);
    const char *no_switches; /* why those of explain_options mean nothing; NULL: they count */
    struct engine_life life;
    enum status (*classify)(struct engine *, const struct view *, size_t n, float *logits,
                            struct error *);
    struct engine_maps maps;
};

/* What the engine's user takes of the device beside it, so that both keep to info.memory. */
struct engine_beside {
    size_t (*bytes)(const void *context, int batch); /* NULL: nothing */
    const void *context;
    bool altered;  /* engine_altered_explain is called: explanations are in memory twice */
    size_t images; /* that a run classifies and explains, on this process; 0: unknown */
};

struct engine_altered;

struct engine {
    const struct engine_kind *kind;
    struct engine_options options;
    struct engine_info info;
    struct backend
        *backend; /* where images, masks, ranks and heat live; NULL before engine_start */
    struct engine_method *methods; /* [method_count] all that this model has */
    int method_count;
    /* What was prepared. */
    const struct engine_method **prepared; /* [prepared_count] among `methods` */
    size_t *map_offset; /* [prepared_count + 1] floats from an image's first map */
    int prepared_count;
    bool classes[CLASS_CHOICES];
    uint8_t *references; /* [reference_count, S, S, 3] on the host, or NULL */
    int reference_count;
    struct engine_beside beside;
    size_t taken, altered_room; /* of info.memory: by all but explanations; for the altered ones */
    struct engine_altered *altered; /* the one that is open, or NULL */
    bool started, halved, refused;  /* refused: explanations did not fit into info.memory */
    void (*heard)(void *listener, size_t forwards); /* see engine_listen */
    void *listener;
    struct explain_options explain_options;
    void *state; /* the kind's own */
};

/* ---- opening --------------------------------------------------------------------------------- */

/* Loads the model. E_CONFIG, with the key in *err ("model.arch"); E_DATA names the tensor. */
enum status engine_open(const struct engine_options *, struct engine **out, struct error *err);
/* Settles methods, and with them the size of their maps, under options that engine_prepare will
 * have, so that what maps take is known. Optional. */
void engine_settle(struct engine *, const struct explain_options *);
/* Before engine_start; what `context` points to must stay. */
void engine_take_beside(struct engine *, const struct engine_beside *);
/* Opens the device. With "auto", warns of a GPU that is there but fails, and takes the CPU. E_NOMEM
 * where not even half of the batch fits. */
enum status engine_start(struct engine *, struct error *err);
/* methods [count] come from engine_method; at least one class. A second call replaces the methods
 * of the first. E_CONFIG of key compute.memory: options.memory is not enough, but what is said
 * would be. */
enum status engine_prepare(struct engine *, const struct engine_method *const *methods, int count,
                           const bool classes[CLASS_CHOICES], const struct explain_options *,
                           struct error *err);
/* Images of the data set at which prepared methods begin; takes over `rgb` [count, S, S, 3], on the
 * host and malloc'ed. After engine_prepare, and before engine_explain where a method needs them. */
enum status engine_references(struct engine *, uint8_t *rgb, int count, struct error *err);
/* What a prepared method costs alone, or all of them together (-1), in passes an image. E_ABSENT:
 * the engine does not know. */
enum status engine_plan(const struct engine *, int method, struct explain_passes *,
                        struct error *err);
void engine_close(struct engine *); /* accepts NULL */

/* A method of this model by its name; NULL: it has none. */
const struct engine_method *engine_method(const struct engine *, const char *name);
/* Names that methods may have under these options, before the model is opened, NULL-terminated;
 * NULL where only the opened engine knows. */
const char *const *engine_method_names(const struct engine_options *);
/* "64 (why, where nobody asked for it); 13 explained at a time". Returns `text`. */
const char *engine_batch_text(const struct engine *, char *text, size_t size);
/* Value of an identity by its name; NULL: it has none. */
const char *engine_identity(const struct engine *, const char *name);
/* The native model, for what only native models have; NULL where the engine is of another kind. */
const struct model *engine_model(const struct engine *);

/* The one text that identifies this model best: the first identity that decides.
 */
const char *engine_fingerprint(const struct engine *);
/* Opens an inspector of the native model's attention (inspect.h), for one image at a time, with
 * separate memory. Call it after engine_start. E_CONFIG: the model is not native. */
struct inspector;
enum status engine_inspect(const struct engine *, struct inspector **out, struct error *err);

/* Explanations by the native model with fresh weights in some of its parts (refresh.h), beside
 * the engine's own. After engine_prepare, one at a time; E_CONFIG: there is no native model. */
enum status engine_altered_open(struct engine *, uint64_t seed, struct engine_altered **out,
                                struct error *err);
void engine_altered_close(struct engine_altered *); /* accepts NULL */
/* Parts of the native model: 0 is the read-out, the last one what lies before the layers. */
int engine_parts(const struct engine *);
/* As engine_explain does, by the model with fresh parts first to first + count - 1. One model
 * stands beside the engine's, from the first call on: a call costs the explanation and makes the
 * weights of those parts again that are not as in the call before. */
enum status engine_altered_explain(struct engine_altered *, int first, int count,
                                   const struct explain_image *images, int n,
                                   const struct explain_result *result, struct error *err);

/* Call it after a step failed with *err = E_NOMEM on a device that has separate memory: halves
 * info.batch, once, and opens again what depends on it. OK: try again. Otherwise E_NOMEM, or the
 * error of opening. */
enum status engine_halve(struct engine *, struct error *err);

/* ---- running --------------------------------------------------------------------------------- */

/* logits [n, classes] on the host, any n. Views point into engine memory. */
enum status engine_classify(struct engine *, const struct view *views, size_t n, float *logits,
                            struct error *err);

/* `heard` is called after every engine_classify with the number of images that passed; NULL: nobody
 * listens. */
void engine_listen(struct engine *, void (*heard)(void *listener, size_t forwards), void *listener);

/* n <= info.batch. images[i].rgb lies in engine memory. result->maps is laid out as engine_map_at
 * says. */
enum status engine_explain(struct engine *, const struct explain_image *images, int n,
                           const struct explain_result *result, struct error *err);
/* The offset of a map in explain_result, in floats: images in order, within an image the prepared
 * methods, and for each of these CLASS_CHOICES maps [side, side]. */
size_t engine_map_values(const struct engine *); /* of one image */
size_t engine_map_at(const struct engine *, int image, int method, enum class_choice);
/* Of such a method that adds up: in result->sum_error. */
float *engine_sum_error(const struct engine *, const struct explain_result *, int image, int method,
                        enum class_choice);
/* Of the last explained images, where info.others > 0: as explainer_dropped; else NaN. */
float engine_dropped(const struct engine *, int image, int method, enum class_choice);

/* maps [n, side, side] -> heat [n, S, S] in [0,1], both in engine memory: scaled up bilinearly
 * where side < S, then mapped from [least, largest] to [0, 1]; a constant map becomes 0
 * everywhere. */
void engine_heat(struct engine *, const float *maps, int n, int side, float *heat);
/* The order in which pixels are removed, and the largest tie, as in rank_args. */
void engine_rank(struct engine *, const struct rank_args *);

/* Removed pixels as their neighbours suggest. */
void engine_impute(struct engine *, const struct impute_args *);

/* ---- engine memory: the device's, or the host's own -------------------------------------------
 */

void *engine_alloc(struct engine *, size_t count, size_t size); /* NULL: memory ran out */
void engine_free(struct engine *, void *);                      /* accepts NULL */
/* As in struct backend: the host's array may be reused when upload returns; downloads are complete
 * after engine_sync, which returns the first error since the last call. */
void engine_upload(struct engine *, void *to, const void *host, size_t bytes);
void engine_download(struct engine *, void *host, const void *from, size_t bytes);
enum status engine_sync(struct engine *, struct error *err);
