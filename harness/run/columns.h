/* Descriptions of a result file's columns: units, texts, and the coordinates of their
 * dimensions. */
#pragma once

#include "records.h"

/* Adds notes to every column whose path is known. Maps get coordinates if they are patch_grid
 * wide. */
void columns_note(struct records *, int patch_grid);
