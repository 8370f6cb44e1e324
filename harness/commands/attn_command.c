/* evalh attn: writes and draws the hidden attention itself (SPEC 4; figures 2 and 3 of SPEC 10). */
#include <stdio.h>
#include <stdlib.h>

#include "attn.h"
#include "command.h"

enum { DEFAULT_TOKENS = 64, DEFAULT_IMAGES = 16 };
enum { KEY_BESIDE = 256, KEY_INFLUENCE, KEY_SCALE };

void attn_print_counts(const struct model *m, const char *title)
{
    const struct geometry *g = &m->geo;
    const struct attention_kind *kind = inspect_kind(m);
    int count = inspect_count(m), inner = inspect_inner_count(m), all = kind->directions * count;
    printf("%s: %d layers; a layer has %d %s", title, g->depth, count, kind->counted);
    if (kind->directions > 1)
        printf(" in each of %d directions,", kind->directions);
    printf(" of %d x %d tokens", g->tokens, g->tokens);
    if (inner > 0)
        printf(", each the sum of %d inner ones (N): %d and %d in all", inner, all, all * inner);
    printf("\n");
}

static const struct argp_option option_table[] = {
    { "layers", 'l', "N|P%,...", 0, "layers from 0, or depths (default: 25%,50%,75%)", 0 },
    { "channels", 'c', "N|mean|all,...", 0,
      "channels of a Vim, heads of a ViT (default: 0,1,mean; with --beside: mean)", 0 },
    { "tokens", 't', "N", 0, "draw N tokens around CLS; 0: all (default: 64)", 0 },
    { "scale", KEY_SCALE, "log|linear", 0,
      "colours: three decades below the largest (default), or from the least to the largest", 0 },
    { "beside", KEY_BESIDE, "MODEL", 0, "a second checkpoint (with --influence: config)", 0 },
    { "influence", KEY_INFLUENCE, NULL, 0,
      "the mean influence of every patch on CLS, by layer, over the images of a CONFIG", 0 },
    { "images", 'i', "N", 0, "influence: how many images at most (default: 16)", 0 },
    CLI_SET_OPTION("influence: a key of the config, over its file"),
    INFERENCE_CLI_OPTIONS("results/attn"),
};

static error_t take_argument(struct attn_options *o, char *value, struct argp_state *state)
{
    if (o->model == NULL)
        o->model = value;
    else if (o->image == NULL)
        o->image = value;
    else {
        argp_error(state, "one image at a time: '%s' is too many", value);
        return EINVAL;
    }
    return 0;
}

static error_t check_arguments(const struct attn_options *o, struct argp_state *state)
{
    if (cli_help_asked(state))
        return 0;
    if (o->influence && (o->model == NULL || o->image != NULL))
        argp_error(state, "--influence wants one config");
    else if (!o->influence && o->image == NULL)
        argp_error(state, "a checkpoint and an image are expected");
    else
        return 0;
    return EINVAL;
}

static const char *const scales[] = { [SCALE_LOG] = "log", [SCALE_LINEAR] = "linear", NULL };
#define AT(field) offsetof(struct attn_options, field)
static const struct cli_place places[] = {
    { CLI_TEXT, 'l', AT(layers), 0, 0, NULL },
    { CLI_TEXT, 'c', AT(channels), 0, 0, NULL },
    { CLI_WHOLE, 't', AT(tokens), 0, 1000000, NULL },
    { CLI_WORD, KEY_SCALE, AT(scale), 0, 0, scales },
    { CLI_TEXT, KEY_BESIDE, AT(beside), 0, 0, NULL },
    { CLI_FLAG, KEY_INFLUENCE, AT(influence), 0, 0, NULL },
    { CLI_WHOLE, 'i', AT(images), 1, 1000000, NULL },
    { CLI_LIST, 's', AT(settings), 0, 0, NULL },
    INFERENCE_CLI_PLACES(AT(cli)),
    { 0 },
};

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct attn_options *o = cli_options(state);
    switch (key) {
    case ARGP_KEY_ARG:
        return take_argument(o, value, state);
    case ARGP_KEY_END:
        return check_arguments(o, state);
    default:
        return cli_option(key, value, state);
    }
}

static const struct argp argp =
    CLI_ARGP(option_table, parse_option, "CHECKPOINT IMAGE\n--influence CONFIG",
             "Writes attention matrices of chosen layers and channels to HDF5, whole and as they "
             "are, and draws what lies around CLS: a Vim's |alpha|, a ViT's after its softmax. "
             "With --beside the paper's Figure 3, with --influence its Figure 2.");

static int run_attn(void *options)
{
    const struct attn_options *o = options;
    return o->influence ? attn_influence(o) : attn_matrices(o);
}

static const struct attn_options defaults = { .cli = INFERENCE_CLI_START("results/attn"),
                                              .tokens = DEFAULT_TOKENS,
                                              .images = DEFAULT_IMAGES };

const struct command command_attn = { "attn", "hidden attention: matrices, and influence on CLS",
                                      &argp, CLI_OPTIONS(places, defaults), run_attn };
