/* Heat maps that somebody else made, read from a file and scored as any method's maps are.
 *
 * An HDF5 file:  /id          strings [N]: ids of images, as in /images/id of a result file
 *                /map         floats [N, h, w]: larger is hotter
 *                /target_map  the same, optional: of the label, where /map is of the prediction
 * A folder:      ID.npy and, for target_map, ID.target.npy; float32 or float64 [h, w]. A slash in
 * an id is one in the path: "a/b.png" is a/b.png.npy in the folder.
 *
 * Maps of the image's size are heat as they are; smaller ones are scaled up as a method's are. One
 * that is not square is scaled up when it is read, and is a map of the image's size from then on
 * (SPEC 6). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct map_file;

struct map_info {
    int rows, columns; /* of all maps: h and w, each 1 to image_size */
    int side;          /* what they are read as: h where h = w, else image_size */
    bool has_target;   /* otherwise a map does not depend on the explained class */
    char sha256[65];   /* of the file; for a folder, over the sorted ids and their files */
};

/* Opens the file for a data set of `count` images with these ids, and a model whose images have
 * image_size pixels a side. E_IO; E_DATA: it is no such file, or its maps have a wrong shape, which
 * is named. */
enum status map_file_open(const char *path, int image_size, const char *const *ids, size_t count,
                          struct map_file **out, struct error *err);
void map_file_close(struct map_file *); /* accepts NULL */
const struct map_info *map_file_info(const struct map_file *);

/* Counts the ids that have no map, and those that have more than one. */
void map_file_count(const struct map_file *, const char *const *ids, size_t count, size_t *missing,
                    size_t *twice);

/* Reads the map of image `id`, or its target_map; out [side, side]. E_DATA: it has none, or two, or
 * one of another shape, or a value that is not finite or that float32 cannot hold, or it varies by
 * less than float32 can tell; E_IO: it cannot be read. The message names image and file. Not to be
 * called from two threads at a time. */
enum status map_file_read(struct map_file *, const char *id, bool target, float *out,
                          struct error *err);
