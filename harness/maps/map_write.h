/* Writes maps in the form that map_file.h reads. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "status.h"

/* Writes `count` maps [side, side]; `target` is NULL, or holds as many maps of the label. The file
 * is complete or absent. E_IO. */
enum status map_file_write(const char *path, const char *const *ids, size_t count, size_t side,
                           const float *map, const float *target, struct error *err);
enum { MAP_PATH_SIZE = 4200 };
/* FOLDER/ID.ENDING, or ID.target.ENDING; makes the folders that the id names. E_IO; E_DATA: the id
 * would lead out of the folder. */
enum status map_folder_path(const char *folder, const char *id, bool target, const char *ending,
                            char out[MAP_PATH_SIZE], struct error *err);
/* One map of a folder, as .npy. */
enum status map_folder_write(const char *folder, const char *id, bool target, size_t side,
                             const float *map, struct error *err);
