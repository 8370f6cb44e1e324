/* The layout of gtsegs_ijcv.mat (SPEC 9): MATLAB 7.3, that is HDF5 behind a 512-byte user block.
 * /value/img holds [n, 1] references to uint8 [3, W, H]; /value/gt [n, 1] references to [1, 1]
 * references to uint8 [W, H]. Grey images may be [W, H] or [1, W, H]. Masks may be of any whole
 * numbers, of an enum (h5py's bool) or of floats that hold whole numbers. Either may be stored
 * [H, W] instead.
 *
 * Every function takes the HDF5 lock itself. */
#pragma once

#include <stdbool.h>

#include "dataset_kind.h"

enum gtsegs_field {
    GTSEGS_IMG,
    GTSEGS_GT,
    GTSEGS_SHORTCUT, /* our addition, in the demo set's file alone: as gt */
    GTSEGS_FIELDS
};

struct gtsegs;

/* Images of order AUTO are [W, H]; see gtsegs_marked. Masks of order AUTO are stored as the first
 * one is, beside its image, whose image is not square; in a file of squares alone [W, H] where
 * MATLAB's attributes say that it wrote the masks, unless the images are said to be [H, W].
 * E_CONFIG names the file and what it lacks, or that the order cannot be told. with_shortcut:
 * whether that field is wanted. */
enum status gtsegs_open(const char *path, bool with_shortcut, enum array_order images,
                        enum array_order masks, struct gtsegs **out, struct error *err);
/* E_CONFIG where an order of masks was given and every mask that could bear it out is of the other.
 */
enum status gtsegs_check_order(struct gtsegs *, struct error *err);
/* Whether the images bear MATLAB's mark, by which their order is certain; a sample is asked. */
bool gtsegs_marked(struct gtsegs *);
size_t gtsegs_count(const struct gtsegs *);
enum status gtsegs_image(struct gtsegs *, size_t index, struct image *out, struct error *err);
/* *out [height, width], malloc'ed: values 0, 1, and -1 where left out, which the file has as -1, or
 * as 255 beside 0 and 1. E_DATA where it is of another size or holds other values; 255 without any
 * 1 too, as it could be the object. */
enum status gtsegs_mask(struct gtsegs *, enum gtsegs_field, size_t index, int width, int height,
                        int8_t **out, struct error *err);
/* Adds the shape and the stored values of an array to the hash, unless they are more than `most`
 * bytes or cannot be read, which is added instead. Returns how many bytes they are. */
size_t gtsegs_peek(struct gtsegs *, enum gtsegs_field, size_t index, size_t most, struct sha256 *);
void gtsegs_close(struct gtsegs *);

struct gtsegs_writer;

enum status gtsegs_create(const char *path, size_t count, bool with_shortcut,
                          struct gtsegs_writer **out, struct error *err);
/* masks [fields from GTSEGS_GT on], each [height, width]. Every index once. */
enum status gtsegs_put(struct gtsegs_writer *, size_t index, const struct image *,
                       const int8_t *const *masks, struct error *err);
/* Completes the file. The writer is gone afterwards, also on failure. */
enum status gtsegs_finish(struct gtsegs_writer *, struct error *err);
/* Gives up: the file is left as it is. */
void gtsegs_abandon(struct gtsegs_writer *);
