/* The layout of a column in HDF5, shared by h5file.c and h5_scattered.c. */
#pragma once

#include "h5file.h"

/* The type of the column's values, which the caller closes. */
hid_t h5_column_type(const struct column *);
/* Shape of a dataset with `rows` rows (a column of the run has no such dimension); returns the
 * number of dimensions. */
int h5_column_shape(const struct column *, size_t rows, hsize_t shape[3]);
/* Opens the column's dataset and checks its type and shape; negative with E_DATA. */
hid_t h5_open_column(hid_t file, const struct column *, size_t rows, struct error *err);
