/* How a column lies in HDF5: shared by h5file.c and h5_scattered.c. */
#pragma once

#include "h5file.h"

/* The type of its values, to be closed. */
hid_t h5_column_type(const struct column *);
/* Shape of a dataset of `rows` rows, of which a column of the run has none; returns how many
 * dimensions. */
int h5_column_shape(const struct column *, size_t rows, hsize_t shape[3]);
/* The column's dataset, whose type and shape are checked; negative with E_DATA. */
hid_t h5_open_column(hid_t file, const struct column *, size_t rows, struct error *err);
