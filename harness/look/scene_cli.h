/* Options that all commands with a checkpoint and images share. */
#pragma once

#include "cli.h"
#include "scene.h"

enum { SCENE_HEADS = 300, SCENE_SIZE, SCENE_VECTOR, SCENE_DEVICE, SCENE_THREADS };

struct scene_cli {
    struct scene_options scene;
    const char *out; /* folder of the pictures */
    bool vector, help;
};

/* Entries of a command's option table. */
#define SCENE_CLI_OPTIONS(folder)                                                                      \
    {                                                                                                  \
        "preprocess", 'p', "notebook|stretch|eval", 0, "how the image is cut (default: notebook)", 0   \
    },                                                                                                 \
        { "heads", SCENE_HEADS, "N", 0, "attention heads of a ViT (default: width / 64)", 0 },         \
        { "image-size", SCENE_SIZE, "N", 0, "side of the model's input (default: by its shapes)", 0 }, \
        { "out", 'o', "DIR", 0, "folder of what is written (default: " folder ")", 0 },                \
        { "vector", SCENE_VECTOR, NULL, 0, "PDF and SVG beside the PNG", 0 },                          \
        { "device", SCENE_DEVICE, "auto|cpu|cuda|ref", 0, "where to compute (default: auto)", 0 },     \
        { "threads", SCENE_THREADS, "N", 0, "CPU threads (default: all)", 0 }, CLI_HELP_OPTION

/* What a struct scene_cli starts from. */
#define SCENE_CLI_START(folder)                                                                    \
    {                                                                                              \
        .scene = { .device = "auto", .preprocess = PREPROCESS_NOTEBOOK }, .out = folder            \
    }

/* Takes one of the options above, or ARGP_ERR_UNKNOWN. */
error_t scene_cli_parse(int key, char *value, struct argp_state *, struct scene_cli *);
/* Index of `text` among `words` (NULL-terminated), or EINVAL after a message. */
error_t scene_cli_word(struct argp_state *, const char *option, const char *text,
                       const char *const *words, int *out);

/* Opens the scene of one checkpoint. `two`: there is another model beside it, which --heads is for
 * where this one has none. */
enum status scene_cli_open(const struct scene_cli *, const char *checkpoint, bool two,
                           struct scene *, struct error *err);
