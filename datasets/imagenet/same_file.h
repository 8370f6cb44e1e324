/* Whether two entries of a list are one file: ids are keys of the results, and an image counts
 * once. */
#pragma once

#include "file_list.h"

/* Compares by the folder that a name leads to, whatever its spelling ("a", "./a", "b/../a"), and
 * the last part of the name; hard links and links to files are files of their own. root NULL: by
 * spelling alone, without "./" and doubled slashes. E_CONFIG names both lines of `path`. */
enum status check_files_differ(const char *path, const char *root, const struct image_list *,
                               const struct list_line *lines, struct error *err);
