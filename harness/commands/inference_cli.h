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
    bool vector, help;
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

/* What a struct inference_cli starts from. */
#define INFERENCE_CLI_START(folder)                                                                \
    {                                                                                              \
        .engine = { .device = "auto" }, .preprocess = PREPROCESS_NOTEBOOK, .out = folder           \
    }

/* Takes one of the options above, or ARGP_ERR_UNKNOWN. */
error_t inference_cli_parse(int key, char *value, struct argp_state *, struct inference_cli *);
/* Index of `text` among `words` (NULL-terminated), or EINVAL after a message. */
error_t inference_cli_word(struct argp_state *, const char *option, const char *text,
                           const char *const *words, int *out);

/* Puts the option that stands for the error's key in front of it, else the key. Returns its code.
 */
enum status inference_cli_blame(struct error *err);

/* Opens inference with one checkpoint. `two`: there is another model beside it, which --heads is
 * for where this one has none. */
enum status inference_cli_open(const struct inference_cli *, const char *checkpoint, bool two,
                               struct inference *, struct error *err);
