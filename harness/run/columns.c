#include "columns.h"

#include <fnmatch.h>
#include <string.h>

/* "1" is the unit of shares, probabilities and logits; counts and classes have none. A dataset that
 * is its own first axis holds the coordinates along it. */
static const struct {
    const char *path; /* of fnmatch(3): a star is a method, a class or a direction */
    const char *units, *what;
    const char *axis[3];
} notes[] = {
    { "image", NULL, "index of the image in the data set", { "image" } },
    { "removed", "1", "share of the pixels that are removed", { "removed" } },
    { "patch_row", NULL, "row of patches, from the top", { "patch_row" } },
    { "patch_column", NULL, "column of patches, from the left", { "patch_column" } },
    { "images/id", NULL, "name of the image in the data set", { "image" } },
    { "images/label", NULL, "class index; -1: none", { "image" } },
    { "images/predicted", NULL, "class index of the unmasked image's top-1", { "image" } },
    { "images/status",
      NULL,
      "0: ok, 1: its content is broken, 2: it could not be read",
      { "image" } },
    { "images/identity_error",
      "1",
      "largest relative error of the hidden-attention identity",
      { "image" } },
    { "images/zero_row_sum", NULL, "1: a rollout met a row sum of exactly 0", { "image" } },
    { "images/shortcut_area",
      "1",
      "share of the pixels that a planted shortcut takes",
      { "image" } },
    { "explain/*/*/map", "1", "heat by patch", { "image", "patch_row", "patch_column" } },
    { "explain/*/*/constant",
      NULL,
      "0: the map varies, 1: it is constant, 2: it is not finite",
      { "image" } },
    { "explain/*/*/largest_tie",
      "pixels",
      "pixels that share the most frequent heat",
      { "image" } },
    { "perturbation/*/*/*/hit", NULL, "1: top-1 is the label", { "image", "removed" } },
    { "perturbation/*/*/*/prob", "1", "probability of the label", { "image", "removed" } },
    { "perturbation/*/*/*/predicted", NULL, "class index of top-1", { "image", "removed" } },
    { "perturbation/*/*/*/prob_class",
      "1",
      "probability of the explained class",
      { "image", "removed" } },
    { "perturbation/*/*/*/logit_class",
      "1",
      "logit of the explained class",
      { "image", "removed" } },
    { "blank/prob", "1", "probability with all pixels removed", { NULL } },
    { "blank/prob_class",
      "1",
      "probability of the predicted class with all pixels removed",
      { "image" } },
    { "blank/predicted", NULL, "class index of top-1 with all pixels removed", { "image" } },
    { "segmentation/*/*/correct",
      "pixels",
      "labelled pixels on the right side of the mean heat",
      { "image" } },
    { "segmentation/*/*/labelled", "pixels", "labelled pixels", { "image" } },
    { "segmentation/*/*/intersection",
      "pixels",
      "of prediction and label: background, foreground",
      { "image", "region" } },
    { "segmentation/*/*/union",
      "pixels",
      "of prediction and label: background, foreground",
      { "image", "region" } },
    { "segmentation/*/*/ap", "1", "average precision of [1 - heat | heat]", { "image" } },
    { "segmentation/*/*/shortcut_share",
      "1",
      "share of the heat that lies in the planted shortcut",
      { "image" } },
    { "images/mask_share", "1", "share of the labelled pixels that are the object's", { "image" } },
    { "localisation/*/*/pointing0", "1", "1: the hottest pixel lies on the object", { "image" } },
    { "localisation/*/*/pointing15",
      "1",
      "1: the object is closer than 15 pixels to the hottest pixel",
      { "image" } },
    { "localisation/*/*/top_k",
      "1",
      "share of the 1,000 hottest pixels that lies on the object",
      { "image" } },
    { "localisation/*/*/mass",
      "1",
      "share of the positive heat that lies on the object",
      { "image" } },
    { "localisation/*/*/rank",
      "1",
      "share of the hottest pixels, as many as the object has, that lies on it",
      { "image" } },
    { "localisation/*/*/auc",
      "1",
      "area under the ROC curve of heat against the object",
      { "image" } },
    { "groups/*/*/heat",
      "1",
      "sum of heat over each group, the hottest first",
      { "image", "group" } },
    { "groups/*/*/prob",
      "1",
      "probability of the explained class: nothing removed, then one group each",
      { "image", "group_removed" } },
    { "tiles/*/prob",
      "1",
      "probability of the class: nothing removed, then one tile each",
      { "image", "tile_removed" } },
    { "tiles/*/logit",
      "1",
      "logit of the class: nothing removed, then one tile each",
      { "image", "tile_removed" } },
    { "subsets/*/prob",
      "1",
      "probability of the class: nothing removed, then one set of patches each",
      { "image", "set_removed" } },
    { "subsets/*/logit",
      "1",
      "logit of the class: nothing removed, then one set of patches each",
      { "image", "set_removed" } },
    { "subsets/mask", NULL, "1: the patch is in the set", { "set", "patch" } },
    { "robustness/*/*/distance",
      "1",
      "|map - map of a noisy copy| / |map|",
      { "image", "sample" } },
    { "robustness/*/*/changed",
      NULL,
      "1: the noisy copy is predicted as another class",
      { "image", "sample" } },
};

void columns_note(struct records *r, int patch_grid)
{
    for (int i = 0; i < r->count; i++) {
        struct column *c = &r->columns[i];
        for (size_t k = 0; k < sizeof notes / sizeof *notes; k++) {
            if (fnmatch(notes[k].path, c->path, FNM_PATHNAME) != 0)
                continue;
            c->note = (struct column_note){ .units = notes[k].units, .what = notes[k].what };
            memcpy(c->note.axis, notes[k].axis, sizeof c->note.axis);
            c->note.scale = c->note.axis[0] != NULL && strcmp(c->path, c->note.axis[0]) == 0;
        }
        if (c->ndim == 2 && !c->once && c->dim[0] != patch_grid)
            c->note.axis[1] = c->note.axis[2] = NULL; /* a map of pixels */
        if (c->note.axis[0] == NULL && !c->once && c->note.what != NULL)
            c->note.axis[0] = "image"; /* /blank/prob is of the run, or of each image */
    }
}
