/* What of a result file is exported: which images, methods, classes, and how large. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "result.h"

struct export_choice {
    const char *methods; /* "NAME,..." or NULL: all */
    const char *images;  /* "ID,...", or a file with an id a line; NULL: all that were scored */
    const char *class;   /* "predicted", "target"; NULL: as many as there are */
    int side;            /* maps become heat in [0, 1] of this side; 0: they stay as they are */
};

/* Rows of the result that are wanted and have maps, in its order. */
struct export_rows {
    size_t *row, count;
    const char **id; /* [count] the result's */
};

/* E_CONFIG: an image that the result does not have, or that was not scored; E_DATA: none was. */
enum status export_rows_list(const struct export_choice *, const struct result *,
                             struct export_rows *out, struct error *err);
void export_rows_free(struct export_rows *); /* accepts what is all 0 */

/* E_CONFIG where the choice names a method that has no maps, or has none of the class. */
enum status export_methods_check(const struct export_choice *, const struct result *,
                                 struct error *err);
bool export_method_wanted(const struct export_choice *, const char *method);

/* The maps of one method: of one class or of the prediction and the label. */
struct export_maps {
    size_t side;
    float *map;    /* [rows.count, side, side] */
    float *target; /* the same, of the label beside the prediction; or NULL */
};
enum status export_maps_read(const struct export_choice *, const struct result *,
                             const struct export_rows *, const char *method,
                             struct export_maps *out, struct error *err);
void export_maps_free(struct export_maps *);
