/* What a result file says of its columns: units, words, and the coordinates of their dimensions. */
#pragma once

#include "records.h"

/* Notes on every column that is known by its path. Maps have their coordinates if they are
 * patch_grid wide. */
void columns_note(struct records *, int patch_grid);
