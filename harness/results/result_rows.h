/* The part of reading a result that is a row for each method and class. */
#pragma once

#include "h5_read.h"
#include "result.h"

/* Maps, curves and segmentation scores, sorted. E_DATA: none of the two tests is there, or records
 * are not as schema 1 has them. What was read so far is the result's to free. */
enum status result_read_rows(struct result *, const struct h5_file *, struct error *err);
