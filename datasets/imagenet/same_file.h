/* Whether two images are one file: ids are keys of the results, and an image counts once. Two names
 * are one file where stat() says so, whatever links they lead through. */
#pragma once

#include "file_list.h"

/* Of a list, whose lines are `lines`. root NULL: by spelling alone, without "./" and doubled
 * slashes. E_CONFIG names both lines of `path`. */
enum status check_lines_differ(const char *path, const char *root, const struct image_list *,
                               const struct list_line *lines, struct error *err);
/* Of a folder or a tree of them, under which the ids are paths. E_CONFIG names both images, or
 * their folders. */
enum status check_images_differ(const char *root, const struct image_list *, struct error *err);
