/* Private to the readers of images and masks. */
#pragma once

#include <hdf5.h>

#include "gtsegs.h"

extern const char *const gtsegs_field_paths[GTSEGS_FIELDS];

struct gtsegs {
    char *path;
    hid_t file;
    size_t count;
    hobj_ref_t *refs[GTSEGS_FIELDS];     /* [count] each */
    enum array_order image_order, order; /* of images, never AUTO; of masks */
    bool order_given;                    /* `order`, by the caller */
};

/* The file's description of an array. */
struct stored_array {
    int rank;
    hsize_t dims[3];
    size_t elements;
    H5T_class_t class;
    size_t element_size; /* bytes */
    bool is_signed;
};

/* The array behind an entry of a field, through the [1, 1] cell that stands between for masks.
 * Under the HDF5 lock. -1: it refers to none. */
hid_t gtsegs_open_array(struct gtsegs *, enum gtsegs_field, size_t index, struct stored_array *);

/* What is wrong with an array, or NULL. */
typedef const char *array_check(const struct stored_array *, const void *detail);

/* Entry `index` of `field`, malloc'ed: an image's bytes; a mask's values as long long or, where the
 * file has floats, double. a: its shape, which has passed `check`. */
enum status gtsegs_read_array(struct gtsegs *, enum gtsegs_field, size_t index, array_check *,
                              const void *detail, struct stored_array *a, void **out,
                              struct error *);

/* Settles g->order by the file's shapes and attributes, under the HDF5 lock. E_CONFIG: they do not
 * tell it. */
enum status gtsegs_find_order(struct gtsegs *, struct error *);
