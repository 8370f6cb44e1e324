/* data.only: some classes of a data set, or images by their ids. Private to datasets/. */
#pragma once

#include "dataset_kind.h"

/* Replaces *dataset by what `only` leaves of it: words between commas, each the index of a class or
 * its WordNet id or name; or the path of a text file with an id a line. The fingerprint becomes
 * another one. E_CONFIG names a class or id that the set does not have. */
enum status dataset_only(struct dataset **dataset, const struct dataset_options *, const char *only,
                         struct error *err);
