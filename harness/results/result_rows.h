/* Reads the parts of a result that have a row for each method and class. */
#pragma once

#include "h5_read.h"
#include "result.h"

/* Reads maps, curves and segmentation scores, sorted. E_DATA: neither of the two tests is there, or
 * records do not fit the schema. What was read so far is freed with the result. */
enum status result_read_rows(struct result *, const struct h5_file *, struct error *err);
