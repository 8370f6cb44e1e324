/* NumPy's .npy files, as far as maps need them: one two-dimensional array of float32 or float64,
 * little endian, in C order. */
#pragma once

#include <stddef.h>

#include "status.h"

/* Reads the array at `path` as malloc'ed doubles [*rows, *columns], each at most `most`. E_IO: the
 * file is missing or cannot be read; E_DATA: it holds no such array, and the message says what
 * would be right. */
enum status npy_read(const char *path, size_t most, double **out, size_t *rows, size_t *columns,
                     struct error *err);
/* Writes values [rows, columns] as float32; the file is complete or absent. */
enum status npy_write(const char *path, const float *values, size_t rows, size_t columns,
                      struct error *err);
