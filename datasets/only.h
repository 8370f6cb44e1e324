/* data.only: some classes of a data set, or images by their ids. Private to datasets/. */
#pragma once

#include "dataset_kind.h"

/* Replaces *dataset by what `only` leaves of it: words between commas, each the number of a class,
 * as the set's folders or list have it and else its index, or its WordNet id or name; or the path
 * of a text file with an id a line. The fingerprint becomes another one. E_CONFIG, of the key
 * data.only, names a class or id that the set does not have. */
enum status dataset_only(struct dataset **dataset, const struct dataset_options *, const char *only,
                         struct error *err);
