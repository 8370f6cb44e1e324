/* Files in the layout of gtsegs_ijcv.mat, made entry by entry with HDF5's own calls. */
#pragma once

#include <hdf5.h>

#include "fixtures.h"

/* An array as a case wants it. */
struct field {
    int rank;
    hsize_t dims[3];
    hid_t type; /* of file and memory */
    const void *data;
    bool in_cell;
};

/* Adds the array to the file; a reference to it, or to the cell around it. */
hobj_ref_t mat_put(hid_t file, const char *name, const struct field *);

/* A file of `count` images and masks, behind a user block; NULL: without that field. */
void mat_write(const char *path, const struct field *images, const struct field *masks,
               size_t count);
