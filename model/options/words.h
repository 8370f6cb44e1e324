/* Words that configs, result files and tables have in common. Each list ends with NULL. */
#pragma once

enum class_choice { CLASS_PREDICTED, CLASS_TARGET, CLASS_CHOICES };
extern const char *const class_choice_names[]; /* by enum class_choice: "predicted", "target" */

extern const char
    *const direction_names[]; /* "positive": the hottest pixels go first; "negative" */
extern const char
    *const precision_names[]; /* by enum precision: "fp32", "tf32", "bf16", "double" */
extern const char *const run_precision_names[]; /* those of a run's classifying passes */
extern const char *const protocol_names[];      /* "released", "paper" */
