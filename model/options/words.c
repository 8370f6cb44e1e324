#include "words.h"

#include <stddef.h>

const char *const class_choice_names[] = { "predicted", "target", NULL };
const char *const direction_names[] = { "positive", "negative", NULL };
const char *const precision_names[] = { "fp32", "tf32", "bf16", "double", NULL };
const char *const run_precision_names[] = { "fp32", "tf32", "bf16", NULL };
const char *const protocol_names[] = { "released", "paper", NULL };
