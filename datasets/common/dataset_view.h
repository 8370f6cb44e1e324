/* A view: some or all images of a data set, in another order, as a separate data set. */
#pragma once

#include "dataset_kind.h"

/* Image i of *out is image indices[i] of `inner`. Takes ownership of `inner` and of `indices`
 * [count] (malloc'ed, each below inner->count), also when it fails. The fingerprint stays that of
 * `inner`, since it is the same set. E_NOMEM. */
enum status dataset_view(struct dataset *inner, size_t *indices, size_t count, struct dataset **out,
                         struct error *err);

/* The index of a view's image i in the data set behind it; i itself where it is not a view. */
size_t dataset_view_index(const struct dataset *, size_t i);

/* Frees a data set of any kind. Accepts NULL. */
void dataset_free(struct dataset *);
