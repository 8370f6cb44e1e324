/* NumPy's .npy files, as far as maps need them: one array of float32 or float64, little endian, in
 * C order, of two dimensions. */
#pragma once

#include <stddef.h>

#include "status.h"

/* The array of the file at `path` as malloc'ed floats [*rows, *columns]; each at most `most`. E_IO:
 * it is not there or cannot be read; E_DATA: it is no such array, and what would be right. */
enum status npy_read(const char *path, size_t most, float **out, size_t *rows, size_t *columns,
                     struct error *err);
/* Writes values [rows, columns] as float32, whole or not at all. */
enum status npy_write(const char *path, const float *values, size_t rows, size_t columns,
                      struct error *err);
