/* Options that all commands with a checkpoint and images share. */
#pragma once

#include "cli.h"
#include "inference.h"

enum {
    INFERENCE_HEADS = 300,
    INFERENCE_SIZE,
    INFERENCE_VECTOR,
    INFERENCE_DEVICE,
    INFERENCE_THREADS
};

struct inference_cli {
    struct engine_options engine;
    enum preprocess preprocess;
    const char *out; /* folder of the pictures */
    bool vector;
};

/* Entries of a command's option table. */
#define INFERENCE_CLI_OPTIONS(folder)                                                              \
    { "preprocess", 'p', "notebook|stretch|eval", 0, "cut of the image (default: notebook)", 0 },  \
        { "heads", INFERENCE_HEADS, "N", 0, "heads of a ViT (default: width / 64)", 0 },           \
        { "image-size", INFERENCE_SIZE, "N", 0, "side of the input (default: by shapes)", 0 },     \
        { "out", 'o', "DIR", 0, "folder of what is written (default: " folder ")", 0 },            \
        { "vector", INFERENCE_VECTOR, NULL, 0, "PDF and SVG beside the PNG", 0 },                  \
        { "device", INFERENCE_DEVICE, "auto|cpu|cuda|ref", 0, "engine (default: auto)", 0 },       \
        { "threads", INFERENCE_THREADS, "N", 0, "CPU threads (default: all)", 0 }, CLI_HELP_OPTION

/* Initial values of a struct inference_cli. */
#define INFERENCE_CLI_START(folder)                                                                \
    {                                                                                              \
        .engine = { .device = "auto" }, .preprocess = PREPROCESS_NOTEBOOK, .out = folder           \
    }

/* Rows of a command's places, for a struct inference_cli at this offset. */
extern const char *const inference_devices[];
#define CLI_AT(offset, field) ((offset) + offsetof(struct inference_cli, field))
#define INFERENCE_CLI_PLACES(o)                                                                    \
    { CLI_WORD, 'p', CLI_AT(o, preprocess), 0, 0, preprocess_names },                              \
        { CLI_WHOLE, INFERENCE_HEADS, CLI_AT(o, engine.model.heads), 1, 4096, NULL },              \
        { CLI_WHOLE, INFERENCE_SIZE, CLI_AT(o, engine.model.image_size), 1, 4096, NULL },          \
        { CLI_TEXT, 'o', CLI_AT(o, out), 0, 0, NULL },                                             \
        { CLI_FLAG, INFERENCE_VECTOR, CLI_AT(o, vector), 0, 0, NULL },                             \
        { CLI_TEXT, INFERENCE_DEVICE, CLI_AT(o, engine.device), 0, 0, inference_devices },         \
    {                                                                                              \
        CLI_WHOLE, INFERENCE_THREADS, CLI_AT(o, engine.threads), 1, 1024, NULL                     \
    }

/* Puts the option that corresponds to the error's key in front of the message, or else the key.
 * Returns the error's code. */
enum status inference_cli_blame(struct error *err);

/* Opens inference with one checkpoint. `two`: another model stands beside it; --heads then applies
 * to whichever of the two has heads. */
enum status inference_cli_open(const struct inference_cli *, const char *checkpoint, bool two,
                               struct inference *, struct error *err);
