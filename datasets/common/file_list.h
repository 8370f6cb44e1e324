/* Text lists of images, one `file label` a line. */
#pragma once

#include "image_list.h"

/* The images of the text list `path`, whose relative names start from `root`; NULL: the names are
 * not looked up and all sizes are 0. *lines (may be NULL): the line of each, malloc'ed. E_CONFIG
 * with path:line. */
enum status file_list_read(const char *path, const char *root, struct image_list *out,
                           size_t **lines, struct error *err);
