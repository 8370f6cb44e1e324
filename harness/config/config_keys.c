/* The table of configuration keys: the one place where a key is named. */
#include "config.h"

#include "image.h"

static const char *const protocols[] = { "released", "paper", NULL };
static const char *const classes[] = { "predicted", "target", NULL };
static const char *const explain_precisions[] = { "auto", "fp32", "double", NULL };
static const char *const tie_orders[] = { "index", "reverse", "random", NULL };
static const char *const aggregates[] = { "protocol", "mean", "max", "min", "product", NULL };
static const char *const sign_rules[] = { "protocol", "keep", "clamp", "abs", NULL };
static const char *const switches[] = { "protocol", "no", "yes", NULL };
static const char *const directions[] = { "positive", "negative", NULL };
static const char *const fills[] = { "black", "mean", "blur", NULL };
static const char *const weight_copies[] = { "plain", "ema", NULL };
static const char *const devices[] = { "auto", "cpu", "cuda", "ref", NULL };
static const char *const precisions[] = { "fp32", "tf32", "bf16", NULL };
static const char *const word_all[] = { "all", NULL };
static const char *const word_auto[] = { "auto", NULL };
static const char *const word_off[] = { "off", NULL };
static const char *const word_protocol[] = { "protocol", NULL };

#define AT(field) offsetof(struct config_values, field)
#define RESULT true
#define NO_RESULT false

#define TEXT(s, k, field, initial, shapes, doc)                                                    \
    {                                                                                              \
        s, k, KEY_TEXT, initial, 0, 0, NULL, 0, shapes, AT(field), doc                             \
    }
#define WORDS(s, k, field, initial, shapes, doc)                                                   \
    {                                                                                              \
        s, k, KEY_WORDS, initial, 0, 0, NULL, 0, shapes, AT(field), doc                            \
    }
#define INT(s, k, field, initial, low, high, word, value, shapes, doc)                             \
    {                                                                                              \
        s, k, KEY_INT, initial, low, high, word, value, shapes, AT(field), doc                     \
    }
#define REAL(s, k, field, initial, low, high, shapes, doc)                                         \
    {                                                                                              \
        s, k, KEY_REAL, initial, low, high, NULL, 0, shapes, AT(field), doc                        \
    }
#define CHOICE(s, k, field, initial, names, first, shapes, doc)                                    \
    {                                                                                              \
        s, k, KEY_CHOICE, initial, 0, 0, names, first, shapes, AT(field), doc                      \
    }
#define SET(s, k, field, initial, names, shapes, doc)                                              \
    {                                                                                              \
        s, k, KEY_SET, initial, 0, 0, names, 0, shapes, AT(field), doc                             \
    }
#define SWITCH(k, field, doc) CHOICE("explain", k, field, "protocol", switches, -1, RESULT, doc)

#define SEED_MAX                                                                                   \
    9007199254740991.0 /* 2^53 - 1: exact in every format that results pass through                \
                        */
#define COUNT_MAX 2147483647.0

const struct config_key config_keys[] = {
    TEXT("run", "name", run.name, NULL, NO_RESULT,
         "what tables and plots call this run; default: the config's file name"),
    TEXT("run", "output", run.output, NULL, NO_RESULT,
         "result file; default: results/NAME.h5. Shards lie in OUTPUT.parts/ until it is whole"),
    CHOICE("run", "protocol", run.protocol, "released", protocols, 0, RESULT,
           "reading of the paper: its released code, or its equations"),
    INT("run", "seed", run.seed, "1", 0, SEED_MAX, NULL, 0, RESULT,
        "of the random control, random tie order and re-initialised layers"),
    INT("run", "limit", run.limit, "all", 1, COUNT_MAX, word_all, 0, RESULT,
        "only the first so many images of the data set"),
    INT("run", "shard_size", run.shard_size, "auto", 1, 1000000, word_auto, 0, NO_RESULT,
        "images per shard: what an interrupted run loses at most; auto: 32, on a GPU 4 batches"),
    WORDS("run", "vary", run.vary, NULL, NO_RESULT,
          "more runs beside this one, each with one key otherwise: key=value of [explain], or "
          "section.key=value"),

    TEXT("model", "arch", model.arch, NULL, NO_RESULT,
         "vim or vit, or a published geometry (vim_small, deit_tiny, ...) that the checkpoint must "
         "then have; default: told by the checkpoint"),
    TEXT("model", "checkpoint", model.checkpoint, NULL, NO_RESULT, ".pth or .safetensors file"),
    CHOICE("model", "weights", model.weights, "plain", weight_copies, 0, RESULT,
           "of a file that holds both: the trained weights, or their moving average (EMA)"),
    TEXT("model", "prefix", model.prefix, NULL, RESULT,
         "of a file that holds two models: what the keys of the one that is meant begin with "
         "(teacher, student)"),
    INT("model", "image_size", model.image_size, "auto", 1, 4096, word_auto, 0, RESULT,
        "side of the model's input in pixels; auto: from the position embedding"),
    INT("model", "heads", model.heads, "auto", 1, 4096, word_auto, 0, RESULT,
        "attention heads of a ViT; auto: width / 64"),

    TEXT("data", "kind", data.kind, NULL, RESULT,
         "imagenet, imagenet_list, imagenet_tar, imagenet_seg, demo, ..."),
    TEXT("data", "path", data.path, NULL, NO_RESULT, "folder, list, .tar or .mat file"),
    TEXT("data", "root", data.root, NULL, NO_RESULT,
         "folder of a list's relative names; default: the list's own"),
    TEXT("data", "labels", data.labels, NULL, NO_RESULT,
         "of a tar or flat folder: a list of 'file label' lines, or the devkit's ground truth; "
         "default: that in data.devkit"),
    TEXT("data", "devkit", data.devkit, NULL, NO_RESULT,
         "unpacked ILSVRC2012_devkit_t12, or its meta.mat"),
    TEXT("data", "classes", data.classes, NULL, NO_RESULT,
         "which class is which: a file of the model's classes, one a line, or ilsvrc2012; or what "
         "numbers are: index, ilsvrc2012_id, folders. Default: classes.txt beside the checkpoint, "
         "else ilsvrc2012 for 1000 classes"),
    INT("data", "label_base", data.label_base, "0", 0, 1, NULL, 0, NO_RESULT,
        "what the numbers of a list of labels start from"),
    CHOICE("data", "preprocess", data.preprocess, "stretch", preprocess_names, 0, RESULT,
           "stretch (perturbation, segmentation), eval (published top-1) or notebook"),
    TEXT("data", "split", data.split, NULL, RESULT,
         "demo: plain, or shortcut (a planted mark that gives the class away)"),
    INT("data", "images", data.images, "auto", 1, 1000000, word_auto, 0, RESULT,
        "demo: how many images to generate"),
    INT("data", "seed", data.seed, "1", 0, SEED_MAX, NULL, 0, RESULT,
        "demo: seed of the generated images"),
    INT("data", "size", data.size, "auto", 8, 4096, word_auto, 0, RESULT,
        "demo: side of the generated images in pixels"),

    WORDS("explain", "methods", explain.methods, "raw, rollout", RESULT,
          "explanation methods (see evalh run --methods)"),
    SET("explain", "class", explain.classes, "predicted", classes, RESULT,
        "which class is explained: the predicted one, the label (target), or both"),
    CHOICE("explain", "precision", explain.precision, "auto", explain_precisions, 0, RESULT,
           "auto: double where a method needs it; fp32 imitates the released code there"),
    CHOICE("explain", "ties", explain.ties, "index", tie_orders, 0, RESULT,
           "which of equally hot pixels goes first"),
    INT("explain", "start_layer", explain.start_layer, "protocol", 0, 4096, word_protocol, -1,
        RESULT, "first layer that enters the aggregation"),
    CHOICE("explain", "aggregate", explain.aggregate, "protocol", aggregates, -1, RESULT,
           "how channels are put together"),
    REAL("explain", "discard", explain.discard, "0", 0, 0.99, RESULT,
         "fraction of the smallest scores set to zero"),
    CHOICE("explain", "negatives", explain.negatives, "protocol", sign_rules, -1, RESULT,
           "what becomes of negative scores"),
    SWITCH("own_decay", explain.own_decay, "the CLS token's own decay enters the products"),
    SWITCH("diagonal", explain.diagonal, "the CLS token's own entry is kept"),
    SWITCH("full_matrix", explain.full_matrix,
           "whole mixing matrices; else the CLS row added to every row of I"),
    SWITCH("row_norm", explain.row_norm, "rows are divided by their sum"),
    SWITCH("gated_gradient", explain.gated_gradient,
           "gradient at the gated output, as row weights; else at the mixer's, as column weights"),
    SWITCH("minmax", explain.minmax, "scores and gradients are min-max normalised"),
    SWITCH("clamp_map", explain.clamp_map, "negative entries of the finished map become 0"),
    INT("explain", "randomise_layers", explain.randomise_layers, "off", 0, 4096, word_off, -1,
        RESULT, "control: head and last n layers re-initialised before explaining"),

    WORDS("task", "kind", task.kinds, "perturbation", RESULT,
          "perturbation, segmentation, or both"),
    SET("task", "directions", task.directions, "positive, negative", directions, RESULT,
        "perturbation: most important pixels first (positive), least (negative), or both"),
    CHOICE("task", "fill", task.fill, "black", fills, 0, RESULT,
           "perturbation: what removed pixels become"),

    CHOICE("compute", "device", compute.device, "auto", devices, 0, NO_RESULT,
           "auto: a GPU where there is one; ref: the slow reference"),
    CHOICE("compute", "precision", compute.precision, "fp32", precisions, 0, RESULT,
           "of matrix products in the forward passes"),
    INT("compute", "batch", compute.batch, "auto", 1, 4096, word_auto, 0, NO_RESULT,
        "images that are explained at a time"),
    INT("compute", "threads", compute.threads, "all", 1, 1024, word_all, 0, NO_RESULT,
        "CPU threads"),
};
const size_t config_key_count = sizeof config_keys / sizeof config_keys[0];
