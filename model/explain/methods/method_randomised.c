/* Control: does a map depend on what the model has learnt? (Adebayo et al. 2018; SPEC 5.6) */
#include "method.h"

extern const struct method method_attribution;

const struct method method_randomised = {
    .info = { .name = "randomised",
              .summary = "control: attribution on the model with its last layers re-initialised",
              .needs_double = true,
              .control = true },
    .randomised = &method_attribution,
};
