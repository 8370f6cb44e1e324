/* The table of configuration keys: the one place where a key is named. */
#include "config.h"

#include "dataset_kind.h"
#include "image.h"
#include "subset.h"

static const char *const fills[] = { "black", "mean", "blur", "rise_blur", "linear", NULL };
static const char *const ends[] = { "90", "100", NULL };
static const char *const cls_places[] = { "auto", "middle", "first", "last", NULL };
static const char *const no_yes[] = { "no", "yes", NULL };
static const char *const activations[] = { "auto", "gelu", "tanh", "quick", "silu", NULL };
static const char *const block_words[] = { "auto", "plain", NULL };
static const char *const pools[] = { "auto", "cls", "mean", "all", NULL };
static const char *const weight_copies[] = { "plain", "ema", NULL };
static const char *const interpolations[] = { "bicubic", "bilinear", NULL };
static const char *const devices[] = { "auto", "cpu", "cuda", "ref", NULL };
static const char *const word_all[] = { "all", NULL };
static const char *const word_auto[] = { "auto", NULL };
static const char *const word_off[] = { "off", NULL };

#define AT(field) offsetof(struct config_values, field)
#define RESULT KEY_SHAPES_RESULT
#define NO_RESULT KEY_SHAPES_NOTHING
#define ADDED KEY_ADDED
#define EXTENT KEY_SHAPES_EXTENT

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
#define REAL_OR(s, k, field, initial, low, high, word, value, shapes, doc)                         \
    {                                                                                              \
        s, k, KEY_REAL, initial, low, high, word, value, shapes, AT(field), doc                    \
    }
#define REAL(s, k, field, initial, low, high, shapes, doc)                                         \
    REAL_OR(s, k, field, initial, low, high, NULL, 0, shapes, doc)
#define CHOICE(s, k, field, initial, names, first, shapes, doc)                                    \
    {                                                                                              \
        s, k, KEY_CHOICE, initial, 0, 0, names, first, shapes, AT(field), doc                      \
    }
#define SET(s, k, field, initial, names, shapes, doc)                                              \
    {                                                                                              \
        s, k, KEY_SET, initial, 0, 0, names, 0, shapes, AT(field), doc                             \
    }
/* Rows of EXPLAIN_SWITCHES. A default outside the range is a word. */
#define WORD_OF(initial, value, low, high)                                                         \
    ((value) >= (low) && (value) <= (high) ? NULL : (const char *const[]){ initial, NULL })
#define SWITCH_AT(field) explain.options.field
#define EXPLAIN_CHOICE(NAME, field, initial, value, words, first, published, ablation, doc)        \
    CHOICE("explain", #field, SWITCH_AT(field), initial, words, first, RESULT, doc),
#define EXPLAIN_WHOLE(NAME, field, initial, value, low, high, published, ablation, doc)            \
    INT("explain", #field, SWITCH_AT(field), initial, low, high,                                   \
        WORD_OF(initial, value, low, high), value, RESULT, doc),
#define EXPLAIN_REAL(NAME, field, initial, value, low, high, published, ablation, doc)             \
    REAL_OR("explain", #field, SWITCH_AT(field), initial, low, high,                               \
            WORD_OF(initial, value, low, high), value, RESULT, doc),
#define EXPLAIN_SWITCH(NAME, field, published, doc)                                                \
    CHOICE("explain", #field, SWITCH_AT(field), "protocol", tristate_names, -1, RESULT, doc),

#define SEED_MAX                                                                                   \
    9007199254740991.0 /* 2^53 - 1: exact in every format that results pass through                \
                        */
#define COUNT_MAX 2147483647.0

const struct config_key config_keys[] = {
    TEXT("run", "name", run.name, NULL, NO_RESULT,
         "what tables and plots call this run; default: the config's file name"),
    TEXT("run", "output", run.output, NULL, NO_RESULT,
         "result file; default: results/NAME.h5. Shards lie in OUTPUT.parts/ until it is whole"),
    CHOICE("run", "protocol", run.protocol, "released", protocol_names, 0, RESULT,
           "reading of the paper: its released code, or its equations"),
    INT("run", "seed", run.seed, "1", 0, SEED_MAX, NULL, 0, RESULT,
        "seed of the control 'random', of random tie order and of re-initialised layers"),
    INT("run", "limit", run.limit, "all", 1, COUNT_MAX, word_all, 0, EXTENT,
        "only so many images of the data set, chosen as data.subset says; a higher limit goes on "
        "from a lower one"),
    INT("run", "shard_size", run.shard_size, "auto", 1, 1000000, word_auto, 0, NO_RESULT,
        "images per shard, the most that an interrupted run loses; auto: 32, on a GPU 4 batches"),
    WORDS("run", "vary", run.vary, NULL, NO_RESULT,
          "further runs, each of which changes one key: key=value of [explain], or "
          "section.key=value"),

    TEXT("model", "arch", model.arch, NULL, NO_RESULT,
         "vim, vit, or a published model (vim_small, deit_tiny, ...) whose shapes the checkpoint "
         "must have; worker: a model in another process; default: what the checkpoint's tensors "
         "say"),
    TEXT("model", "checkpoint", model.checkpoint, NULL, NO_RESULT,
         ".pth or .safetensors file; with none, segmentation and localisation score maps from "
         "files and controls"),
    TEXT("model", "command", model.command, NULL, NO_RESULT,
         "with arch = worker: the shell command that starts the worker (docs/worker.md)"),
    INT("model", "timeout", model.timeout, "300", 1, 1000000, word_off, 0, NO_RESULT,
        "with arch = worker: seconds that each answer may take, the first with its loading"),
    CHOICE("model", "weights", model.weights, "plain", weight_copies, 0, RESULT,
           "which to take where a file holds both: the trained weights, or their average (EMA)"),
    TEXT("model", "prefix", model.prefix, NULL, RESULT,
         "in a file that holds two models: how the tensor names of the wanted one begin "
         "(teacher, student)"),
    INT("model", "image_size", model.image_size, "auto", 1, 4096, word_auto, 0, RESULT,
        "side of the model's input in pixels; auto: from the position embedding; without a model "
        "224"),
    INT("model", "heads", model.heads, "auto", 1, 4096, word_auto, 0, RESULT,
        "attention heads of a ViT; auto: width / 64"),
    REAL("model", "eps", model.eps, "0", 0, 1, RESULT,
         "added to the variance in norms; 0: as usual of the checkpoint's family (ViT 1e-6, of "
         "Hugging "
         "Face 1e-12; Vim 1e-5)"),
    CHOICE("model", "cls", model.cls, "auto", cls_places, 0, RESULT,
           "where the one CLS token of a Vim stands among its patches; auto: in the middle"),
    CHOICE(
        "model", "divide", model.divide, "yes", no_yes, 0, RESULT,
        "whether the output projection of a Vim gets the mean of its two directions, or, with no, "
        "their sum"),
    CHOICE("model", "pool", model.pool, "auto", pools, 0, RESULT,
           "what the head of a ViT sees: the CLS token, the mean of the patches, the mean of all "
           "tokens; auto: told by the tensors"),
    CHOICE("model", "activation", model.activation, "auto", activations, 0, RESULT,
           "of a ViT's MLP: gelu (exact), tanh (GELU by tanh, as in SigLIP) quick (x times "
           "sigmoid(1.702 x), as in CLIP) or silu; of a gated one, its gate's; auto: gelu, gated "
           "silu, as no tensor says it"),
    CHOICE("model", "blocks", model.blocks, "auto", block_words, 0, NO_RESULT,
           "what no tensor of a ViT says: plain: norms stand before attention and MLP, and no "
           "positions are rotary; auto: the same, but names that make another likely are refused"),

    TEXT("data", "kind", data.kind, NULL, RESULT,
         "kind of data set: imagenet, imagenet_list, imagenet_tar, imagenet_seg, demo, ..."),
    TEXT("data", "path", data.path, NULL, NO_RESULT, "folder, list, .tar or .mat file"),
    TEXT("data", "root", data.root, NULL, NO_RESULT,
         "folder where a list's relative names start; default: the list's folder"),
    TEXT("data", "labels", data.labels, NULL, NO_RESULT,
         "labels of a tar or a flat folder: a list of 'file label' lines, or the devkit's ground "
         "truth; default: the ground truth in data.devkit"),
    TEXT("data", "devkit", data.devkit, NULL, NO_RESULT,
         "unpacked ILSVRC2012_devkit_t12, or its meta.mat"),
    TEXT("data", "classes", data.classes, NULL, NO_RESULT,
         "the model's classes: a file with one per line, or ilsvrc2012; or what a number as a "
         "label means: index, ilsvrc2012_id, folders. Default: classes.txt beside the checkpoint, "
         "else ilsvrc2012 for 1000 classes"),
    INT("data", "label_base", data.label_base, "0", 0, 1, NULL, 0, NO_RESULT,
        "number of the first class in a list of labels"),
    CHOICE("data", "subset", data.subset, "even", subset_names, 0, NO_RESULT,
           "which images run.limit takes: even (over the whole set, each class in proportion), "
           "random (by run.seed), or first"),
    TEXT("data", "only", data.only, NULL, NO_RESULT,
         "only these classes (numbers as folders or list have them, else indices; WordNet ids or "
         "names; with commas), or the images whose ids a text file lists, one per line"),
    REAL("data", "max_unreadable", data.max_unreadable, "0.01", 0, 1, NO_RESULT,
         "share of the images that may be unreadable; a run that loses more of them has failed"),
    CHOICE("data", "image_order", data.image_order, "auto", array_order_names, 0, ADDED,
           "how a .mat stores its images: wh, [3, W, H] as MATLAB does, or hw, [3, H, W] as h5py's "
           "users may; auto: wh"),
    CHOICE("data", "mask_order", data.mask_order, "auto", array_order_names, 0, ADDED,
           "how a .mat of square images stores its masks: [W, H], as MATLAB does, or [H, W]"),
    CHOICE("data", "preprocess", data.preprocess, "stretch", preprocess_names, 0, RESULT,
           "how an image gets the model's size: stretch (for both tests), eval (for the published "
           "top-1) or notebook"),
    TEXT("data", "mean", data.mean, "imagenet", ADDED,
         "of the model's input, taken off each pixel in [0, 1]: imagenet (0.485 0.456 0.406), half "
         "(0.5), clip, none (0), or three numbers; a checkpoint does not say it"),
    TEXT("data", "std", data.std, "imagenet", ADDED,
         "of the model's input, by which it is divided: imagenet (0.229 0.224 0.225), half (0.5), "
         "clip, none (1), or three numbers"),
    REAL("data", "crop", data.crop, "0.875", IMAGE_LEAST_CROP, 1, ADDED,
         "eval: share of the shorter side that is kept"),
    CHOICE("data", "interpolation", data.interpolation, "bicubic", interpolations, 0, ADDED,
           "eval: filter of the resizing"),
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
    SET("explain", "class", explain.classes, "predicted", class_choice_names, RESULT,
        "which class is explained: the predicted one, the label (target), or both"),
    /* clang-format off */
    EXPLAIN_SWITCHES(EXPLAIN_CHOICE, EXPLAIN_WHOLE, EXPLAIN_REAL, EXPLAIN_SWITCH)
    /* clang-format on */

    WORDS("task", "kind", task.kinds, "perturbation", RESULT,
          "what to measure, any of: perturbation, segmentation, localisation, groups, tiles, "
          "subsets, robustness, randomisation"),
    SET("task", "directions", task.directions, "positive, negative", direction_names, RESULT,
        "perturbation: most important pixels first (positive), least (negative), or both"),
    CHOICE("task", "fill", task.fill, "black", fills, 0, RESULT,
           "perturbation: what removed pixels become: black, the mean colour, a blur, RISE's "
           "narrower blur, or what the pixels around suggest (linear, with noise: ROAD)"),
    INT("task", "steps", task.steps, "9", 1, 224, NULL, 0, RESULT,
        "perturbation: points of a curve after the unmasked one, equally far apart"),
    CHOICE("task", "upto", task.upto, "90", ends, 0, RESULT,
           "perturbation: percent removed at the last of them; at 100 it is the filled image"),
    INT("task", "groups", task.groups, "10", 2, 100, NULL, 0, RESULT,
        "groups: how many groups of pixels of like heat"),
    INT("task", "tiles", task.tiles, "4", 2, 64, NULL, 0, RESULT,
        "tiles: tiles along a side of the image"),
    INT("task", "subsets", task.subsets, "100", 3, 1000, NULL, 0, RESULT,
        "subsets: random sets of a tenth of the patches"),
    INT("task", "samples", task.samples, "10", 1, 200, NULL, 0, RESULT,
        "robustness: noisy copies of an image"),
    REAL("task", "radius", task.radius, "0.02", 0.0001, 1, RESULT,
         "robustness: most that a value changes, in [0, 1]; more than 0.00196, since images have 8 "
         "bits"),

    CHOICE("compute", "device", compute.device, "auto", devices, 0, NO_RESULT,
           "auto: a GPU where there is one, else the CPU; ref: the slow reference"),
    CHOICE("compute", "precision", compute.precision, "fp32", run_precision_names, 0, RESULT,
           "precision of matrix products in the forward passes"),
    INT("compute", "batch", compute.batch, "auto", 1, 4096, word_auto, 0, NO_RESULT,
        "images that are loaded, classified and explained together; auto: on a GPU the largest of "
        "64 "
        "to 512 that fits, on a CPU two a thread"),
    REAL_OR(
        "compute", "memory", compute.memory, "auto", 0.1, 1 << 24, word_auto, 0, NO_RESULT,
        "MiB that a run may take of its device; explanations of a batch are made in parts so that "
        "they fit; auto: what is free, but for a margin (of a CPU's memory any)"),
    INT("compute", "threads", compute.threads, "all", 1, 1024, word_all, 0, NO_RESULT,
        "CPU threads"),
};
const size_t config_key_count = sizeof config_keys / sizeof config_keys[0];
