/* The layer below synsets.h: elements of a MATLAB 5 file (MATLAB's "MAT-File Format", level 5).
 *
 * An element is a tag (type, bytes) and its data; a matrix is an element whose data are elements:
 * flags, dimensions, name, contents. Nothing is copied but what zlib unpacks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

#define MAT5_HEADER 128 /* bytes before the first element */

struct mat5_span {
    const uint8_t *at;
    size_t left;
};

enum mat5_type {
    MAT5_INT8 = 1,
    MAT5_UINT8 = 2,
    MAT5_INT16 = 3,
    MAT5_UINT16 = 4,
    MAT5_INT32 = 5,
    MAT5_UINT32 = 6,
    MAT5_SINGLE = 7,
    MAT5_DOUBLE = 9,
    MAT5_INT64 = 12,
    MAT5_UINT64 = 13,
    MAT5_MATRIX = 14,
    MAT5_COMPRESSED = 15,
    MAT5_UTF8 = 16,
    MAT5_UTF16 = 17,
    MAT5_UTF32 = 18
};

enum mat5_class { MAT5_CLASS_STRUCT = 2, MAT5_CLASS_CHAR = 4 };

struct mat5_element {
    uint32_t type; /* enum mat5_type, or a number that is none */
    struct mat5_span data;
};

struct mat5_matrix {
    unsigned class;         /* enum mat5_class, or another */
    size_t count;           /* product of the dimensions */
    struct mat5_span name;  /* not NUL-terminated */
    struct mat5_span parts; /* the elements that follow the name */
};

/* Takes one element off the front; false where none is whole. */
bool mat5_next(struct mat5_span *, struct mat5_element *out);

/* False where the element is no matrix, or an empty one. */
bool mat5_matrix(const struct mat5_element *, struct mat5_matrix *out);

/* Unpacks a MAT5_COMPRESSED element into the one in it. *memory holds its data, malloc'ed. false:
 * damaged, or over the limit. */
bool mat5_inflate(const struct mat5_element *, struct mat5_element *out, uint8_t **memory);

/* The single real number that the matrix element holds. */
bool mat5_number(const struct mat5_element *, double *out);

/* The ASCII text that the char matrix element holds, with a NUL, in out[size]; false where it is
 * none, empty or longer. */
bool mat5_text(const struct mat5_element *, char *out, size_t size);
