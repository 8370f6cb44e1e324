#include "columns.h"

#include <fnmatch.h>
#include <string.h>

/* "1" is the unit of shares, probabilities and logits; counts and classes have none. */
static const struct {
    const char *path; /* of fnmatch(3): a star is a method, a class or a direction */
    struct column_note note;
} notes[] = {
    { "image", { NULL, "index of the image in the data set", { "image" }, true } },
    { "removed", { "1", "share of the pixels that are removed", { "removed" }, true } },
    { "patch_row", { NULL, "row of patches, from the top", { "patch_row" }, true } },
    { "patch_column", { NULL, "column of patches, from the left", { "patch_column" }, true } },

    { "images/id", { NULL, "name of the image in the data set", { "image" }, false } },
    { "images/label", { NULL, "class index; -1: none", { "image" }, false } },
    { "images/predicted",
      { NULL, "class index of the unmasked image's top-1", { "image" }, false } },
    { "images/status",
      { NULL, "0: ok, 1: its content is broken, 2: it could not be read", { "image" }, false } },
    { "images/identity_error",
      { "1", "largest relative error of the hidden-attention identity", { "image" }, false } },
    { "images/zero_row_sum",
      { NULL, "1: a rollout met a row sum of exactly 0", { "image" }, false } },
    { "images/shortcut_area",
      { "1", "share of the pixels that a planted shortcut takes", { "image" }, false } },

    { "explain/*/*/map",
      { "1", "heat by patch", { "image", "patch_row", "patch_column" }, false } },
    { "explain/*/*/constant",
      { NULL, "0: the map varies, 1: it is constant, 2: it is not finite", { "image" }, false } },
    { "explain/*/*/largest_tie",
      { "pixels", "pixels that share the most frequent heat", { "image" }, false } },

    { "perturbation/*/*/*/hit", { NULL, "1: top-1 is the label", { "image", "removed" }, false } },
    { "perturbation/*/*/*/prob",
      { "1", "probability of the label", { "image", "removed" }, false } },
    { "perturbation/*/*/*/predicted",
      { NULL, "class index of top-1", { "image", "removed" }, false } },
    { "perturbation/*/*/*/prob_class",
      { "1", "probability of the explained class", { "image", "removed" }, false } },
    { "perturbation/*/*/*/logit_class",
      { "1", "logit of the explained class", { "image", "removed" }, false } },
    { "blank/prob", { "1", "probability with all pixels removed", { NULL }, false } },
    { "blank/prob_class",
      { "1", "probability of the predicted class with all pixels removed", { "image" }, false } },
    { "blank/predicted",
      { NULL, "class index of top-1 with all pixels removed", { "image" }, false } },

    { "segmentation/*/*/correct",
      { "pixels", "labelled pixels on the right side of the mean heat", { "image" }, false } },
    { "segmentation/*/*/labelled", { "pixels", "labelled pixels", { "image" }, false } },
    { "segmentation/*/*/intersection",
      { "pixels", "of prediction and label: background, foreground", { "image" }, false } },
    { "segmentation/*/*/union",
      { "pixels", "of prediction and label: background, foreground", { "image" }, false } },
    { "segmentation/*/*/ap",
      { "1", "average precision of [1 - heat | heat]", { "image" }, false } },
    { "segmentation/*/*/shortcut_share",
      { "1", "share of the heat that lies in the planted shortcut", { "image" }, false } },
};

void columns_note(struct records *r, int patch_grid)
{
    for (int i = 0; i < r->count; i++) {
        struct column *c = &r->columns[i];
        for (size_t k = 0; k < sizeof notes / sizeof *notes; k++)
            if (fnmatch(notes[k].path, c->path, FNM_PATHNAME) == 0)
                c->note = notes[k].note;
        if (c->ndim == 2 && !c->once && c->dim[0] != patch_grid)
            c->note.axis[1] = c->note.axis[2] = NULL; /* a map of pixels */
        if (c->note.axis[0] == NULL && !c->once && c->note.what != NULL)
            c->note.axis[0] = "image"; /* /blank/prob is of the run, or of each image */
    }
}
