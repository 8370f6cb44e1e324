/* Labels of images in one folder or archive, without class folders (SPEC 9). */
#pragma once

#include "image_list.h"

/* Whether options name labels at all. */
bool image_labels_given(const struct dataset_options *);

/* Whether they are for the `loose` images beside class folders, which have `in_folders`. */
bool image_labels_are_for_loose(const struct dataset_options *, size_t loose, size_t in_folders);

struct applied_labels {
    size_t unlisted;  /* images that the list does not name, which are dropped */
    bool are_numbers; /* labels are as a list has them, by number */
};

/* Labels the images that were found in `where` (a path, for messages), as options->labels and
 * options->devkit say:
 *
 * - the devkit's ground truth: one ILSVRC2012_ID a line, for the images in order of their names;
 *   the devkit's meta.mat says which class an ID is. Exactly as many lines as images,
 *   and these in one folder, or in folders in whose order the files' names ascend.
 * - a list of 'file label' lines (file_list.h): the images that it names, in its order.
 * - nothing: every image's name ends in its class's WordNet id.
 *
 * *list comes in any order, each id once or E_CONFIG. */
enum status image_labels_apply(const struct dataset_options *options, const char *where,
                               struct image_list *list, struct applied_labels *out,
                               struct error *err);
