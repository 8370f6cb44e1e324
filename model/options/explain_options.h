/* The switches of the [explain] section. Each row of EXPLAIN_SWITCHES is a switch: its field, its
 * values, those under which the published figures hold, and its help. The config, the rules,
 * comparability and the man page all read the row. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "words.h"

enum tristate { BY_PROTOCOL = -1, NO = 0, YES = 1 };
enum explain_precision { EXPLAIN_AUTO, EXPLAIN_FP32, EXPLAIN_MIXED, EXPLAIN_DOUBLE };

/* What methods from outside the paper leave open. */
enum explained_score { SCORE_LOGIT, SCORE_SOFTMAX };
enum map_level { LEVEL_OF_METHOD = -1, LEVEL_TOKEN, LEVEL_PATCH, LEVEL_PIXEL };
enum channel_rule { CHANNELS_OF_METHOD = -1, CHANNELS_SUM, CHANNELS_ABS, CHANNELS_MAX };
enum backward_rules { BACKWARD_TRUE, BACKWARD_LIBRA };
enum cam_target { CAM_NORM, CAM_MIXER };
enum influence_kind { INFLUENCE_JACOBIAN, INFLUENCE_GRAMIAN };
enum softmax_rule { SOFTMAX_CP, SOFTMAX_ATTN }; /* of attnlrp */
enum path_start { START_MEAN, START_BLACK };
enum noise_mean { MEAN_OF_GRADIENTS, MEAN_OF_SQUARES };

extern const char *const explain_precision_names[]; /* by enum explain_precision */
extern const char *const tie_names[];               /* by enum ties (ops.h) */
extern const char *const aggregate_names[];         /* "protocol" (-1), then by enum reduction */
extern const char *const sign_names[];              /* "protocol" (-1), then by enum sign_rule */
extern const char *const tristate_names[];          /* "protocol", "no", "yes": by enum tristate */
extern const char *const explained_score_names[];   /* by enum explained_score */
extern const char *const level_names[];             /* "method" (-1), then by enum map_level */
extern const char *const channel_names[];           /* "method" (-1), then by enum channel_rule */
extern const char *const backward_names[];          /* by enum backward_rules */
extern const char *const cam_target_names[];        /* by enum cam_target */
extern const char *const influence_names[];         /* by enum influence_kind */
extern const char *const softmax_names[];           /* by enum softmax_rule */
extern const char *const no_yes_names[];            /* "no", "yes" */
extern const char *const baseline_names[];          /* by enum path_start */
extern const char *const variant_names[];           /* by enum noise_mean */

/* CHOICE(NAME, field, default, its value, words, value of words[0], published, ablation, help)
 * WHOLE (NAME, field, default, its value, low, high, published, ablation, help): the default's word
 *        stands for a value outside the range
 * REAL  (NAME, field, default, its value, low, high, published, ablation, help): as WHOLE
 * SWITCH(NAME, field, published, help): by the protocol, no, yes; settles the rule of its name
 *
 * precision: published figures hold under all of it. The released code has fp32; double is what it
 * means; and maps of `mixed` are those of double to some 3e-6 of their maximum
 * (tests/model/test_in_double.c), far nearer than released ones are.
 *
 * The key in a config is the field's name. published: values, besides the default, under which the
 * published figures hold; "vim:15": only for a Vim, "*": any value. ablation: the paper has figures
 * for other values, too. */
#define EXPLAIN_SWITCHES(CHOICE, WHOLE, REAL, SWITCH)                                              \
    CHOICE(PRECISION, precision, "auto", EXPLAIN_AUTO, explain_precision_names, 0,                 \
           "fp32 mixed double", false,                                                             \
           "auto: mixed, or else double, for methods that need it; fp32: for none, as in the "     \
           "released code; mixed: in double where digits cancel, in fp32 elsewhere")               \
    CHOICE(TIES, ties, "index", 0, tie_names, 0, "", false,                                        \
           "which of equally hot pixels is removed first")                                         \
    WHOLE(START_LAYER, start_layer, "protocol", -1, 0, 4096, "vim:15 vit:1", false,                \
          "first layer that enters the aggregation")                                               \
    CHOICE(AGGREGATE, aggregate, "protocol", -1, aggregate_names, -1, "mean", true,                \
           "how the channels' scores are combined")                                                \
    REAL(DISCARD, discard, "0", 0, 0, 0.99, "0.0", true,                                           \
         "fraction of the smallest scores set to zero")                                            \
    CHOICE(NEGATIVES, negatives, "protocol", -1, sign_names, -1, "clamp", true,                    \
           "what happens to negative scores")                                                      \
    SWITCH(OWN_DECAY, own_decay, "vim:no", "the CLS token's own decay enters the products")        \
    SWITCH(DIAGONAL, diagonal, "vim:no", "the CLS token's own entry is kept")                      \
    SWITCH(FULL_MATRIX, full_matrix, "vim:no",                                                     \
           "whole mixing matrices; no: the CLS row, added to every row of I")                      \
    SWITCH(ROW_NORM, row_norm, "vim:yes", "rows are divided by their sum")                         \
    SWITCH(GATED_GRADIENT, gated_gradient, "vim:no",                                               \
           "gradient at the gated output weights rows; no: that at the mixer's weights columns")   \
    SWITCH(MINMAX, minmax, "vim:yes", "scores and gradients are min-max normalised")               \
    SWITCH(CLAMP_MAP, clamp_map, "vim:yes", "negative entries of the finished map become 0")       \
    WHOLE(RANDOMISE_LAYERS, randomise_layers, "off", -1, 0, 4096, "", false,                       \
          "control 'randomised': re-initialise the head and the last n layers; off: all")          \
    CHOICE(SCORE, score, "logit", SCORE_LOGIT, explained_score_names, 0, "*", false,               \
           "methods from elsewhere: what is explained, the class's logit or its probability")      \
    CHOICE(LEVEL, level, "method", LEVEL_OF_METHOD, level_names, -1, "*", false,                   \
           "ixg, ig, smoothgrad, attnlrp, full_lrp, expected_gradients: where a map is made, at "  \
           "tokens, patches or pixels (whose maps are as large as the image); a method that has "  \
           "no such level keeps its own")                                                          \
    CHOICE(CHANNELS, channels, "method", CHANNELS_OF_METHOD, channel_names, -1, "*", false,        \
           "at pixels: the sum over colours, that of absolute values, or the largest of them")     \
    CHOICE(BACKWARD, backward, "true", BACKWARD_TRUE, backward_names, 0, "*", false,               \
           "genatt, gradcam, hirescam, ixg: the true gradient, or one by LibraGrad's rules")       \
    CHOICE(TARGET, target, "norm", CAM_NORM, cam_target_names, 0, "*", false,                      \
           "gradcam, hirescam of a Vim: what enters the last layer, or what the mixer below it "   \
           "gives out")                                                                            \
    CHOICE(INFLUENCE, influence, "jacobian", INFLUENCE_JACOBIAN, influence_names, 0, "*", false,   \
           "xvmamba: influence on all later states, or a token's own Gramian")                     \
    CHOICE(SOFTMAX, softmax, "cp", SOFTMAX_CP, softmax_names, 0, "*", false,                       \
           "attnlrp: attention passes relevance to its values alone (cp), or to queries and keys " \
           "too (attn)")                                                                           \
    REAL(GAMMA_LINEAR, gamma_linear, "0.05", 0.05, 0, 1000, "*", false,                            \
         "attnlrp: gamma of the MLPs' layers and of the head; 0: their gradient")                  \
    REAL(GAMMA_CONV, gamma_conv, "0.25", 0.25, 0, 1000, "*", false,                                \
         "attnlrp at patches and pixels: gamma of the patch projection; 0: its gradient")          \
    CHOICE(GAMMA_ATTENTION, gamma_attention, "no", 0, no_yes_names, 0, "*", false,                 \
           "attnlrp: whether attention's projections follow gamma_linear, too")                    \
    WHOLE(STEPS, steps, "50", 50, 1, 1000, "*", false,                                             \
          "ig: points of the path at which the gradient is taken")                                 \
    CHOICE(BASELINE, baseline, "mean", START_MEAN, baseline_names, 0, "*", false,                  \
           "ig: where the path begins, at the mean colour (0 once normalised) or at black")        \
    WHOLE(SAMPLES, samples, "50", 50, 1, 10000, "*", false,                                        \
          "smoothgrad, expected_gradients: random inputs, over which is averaged")                 \
    REAL(NOISE, noise, "method", -1, 0, 10, "*", false,                                            \
         "smoothgrad, expected_gradients: standard deviation of the noise, as a part of the "      \
         "input's range; method: 0.15 and 0")                                                      \
    CHOICE(VARIANT, variant, "mean", MEAN_OF_GRADIENTS, variant_names, 0, "*", false,              \
           "smoothgrad: the mean of the gradients, or that of their squares")                      \
    WHOLE(REFERENCES, references, "16", 16, 1, 256, "*", false,                                    \
          "expected_gradients: images of the data set, evenly over it, among which a path's "      \
          "beginning is drawn")

/* Positions of the switches, and bits of them: arch_explain.switches. */
#define EXPLAIN_POSITION_(NAME, ...) EXPLAIN_##NAME##_AT,
enum {
    EXPLAIN_SWITCHES(EXPLAIN_POSITION_, EXPLAIN_POSITION_, EXPLAIN_POSITION_, EXPLAIN_POSITION_)
        EXPLAIN_SWITCH_COUNT
};
#define EXPLAIN_BIT_(NAME, ...) EXPLAIN_##NAME = 1 << EXPLAIN_##NAME##_AT,
enum explain_switch {
    EXPLAIN_SWITCHES(EXPLAIN_BIT_, EXPLAIN_BIT_, EXPLAIN_BIT_, EXPLAIN_BIT_)
    /* mean the same to every architecture */
    EXPLAIN_COMMON = EXPLAIN_PRECISION | EXPLAIN_TIES | EXPLAIN_RANDOMISE_LAYERS | EXPLAIN_SCORE |
                     EXPLAIN_LEVEL | EXPLAIN_CHANNELS | EXPLAIN_STEPS | EXPLAIN_BASELINE |
                     EXPLAIN_SAMPLES | EXPLAIN_NOISE | EXPLAIN_VARIANT | EXPLAIN_REFERENCES,
    EXPLAIN_ATTNLRP =
        EXPLAIN_SOFTMAX | EXPLAIN_GAMMA_LINEAR | EXPLAIN_GAMMA_CONV | EXPLAIN_GAMMA_ATTENTION,
    EXPLAIN_ALL_SWITCHES = (1 << EXPLAIN_SWITCH_COUNT) - 1
};

/* Each difference between the two protocols is a switch of its own; the protocols are sets of them
 * (SPEC 5.1, 5.2). */
#define EXPLAIN_INT_FIELD_(NAME, field, ...) int field;
#define EXPLAIN_WHOLE_FIELD_(NAME, field, ...) int64_t field;
#define EXPLAIN_REAL_FIELD_(NAME, field, ...) double field;
struct explain_options {
    const char *protocol; /* of protocol_names */
    uint64_t seed;
    EXPLAIN_SWITCHES(EXPLAIN_INT_FIELD_, EXPLAIN_WHOLE_FIELD_, EXPLAIN_REAL_FIELD_,
                     EXPLAIN_INT_FIELD_)
};

/* `released`, everything else at its default. */
extern const struct explain_options explain_defaults;

/* A switch, for readers of results. */
struct explain_switch_info {
    const char *key, *initial, *published;
    bool ablation;
};
extern const struct explain_switch_info explain_switch_infos[EXPLAIN_SWITCH_COUNT];

/* Whether a switch differs from its default in these options. */
bool explain_switch_is_set(const struct explain_options *, int position);
/* Whether two texts of a config mean the same: the same words, or the same numbers. */
bool explain_same_value(const char *, const char *);
/* Whether the published figures hold under this value: its default, or one of `published` for the
 * architecture ("vim", "vit"; "" for one that is not known). */
bool explain_switch_published(const struct explain_switch_info *, const char *value,
                              const char *arch);
