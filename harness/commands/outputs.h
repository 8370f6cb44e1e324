/* What a command writes is none of the files that it reads, and no result of a run. */
#pragma once

#include <stddef.h>

#include "status.h"

/* Files that a command reads; NULL among them is none. */
struct outputs_inputs {
    const char *const *path; /* [count] */
    size_t count;
};

/* E_CONFIG where the file that would be written is one of the inputs, by whatever name, or an HDF5
 * file that is a result of evalh run. `option` is what chose its name, "--out". */
enum status outputs_check(const char *option, const char *path, const struct outputs_inputs *,
                          struct error *err);
/* The same of all files that a drawing with this stem leaves: STEM.png, STEM.csv, ... */
enum status outputs_check_stem(const char *option, const char *stem, const struct outputs_inputs *,
                               struct error *err);
