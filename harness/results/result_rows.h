/* Reads the parts of a result that have a row for each method and class. */
#pragma once

#include "h5_read.h"
#include "result.h"

/* Reads maps, curves and segmentation scores, sorted. E_DATA: neither of the two tests is there, or
 * records do not fit the schema. What was read so far is freed with the result. */
enum status result_read_rows(struct result *, const struct h5_file *, struct error *err);
/* Whether the records of every scored image can be true: no count above what it is a part of, no
 * share beyond 0 and 1. E_DATA names the first that cannot. */
enum status result_check(const struct result *, struct error *err);
