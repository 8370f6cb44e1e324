/* Some images of a data set, or all, in another order, as a data set of its own. */
#pragma once

#include "dataset_kind.h"

/* Image i of *out is image indices[i] of `inner`. Takes over `inner` and `indices` [count],
 * malloc'ed, each below inner->count; also when it fails. The fingerprint is that of `inner`: what
 * is looked at is still that set. E_NOMEM. */
enum status dataset_view(struct dataset *inner, size_t *indices, size_t count, struct dataset **out,
                         struct error *err);

/* Where image i of a view lies in what it is a view of; i itself where it is no view. */
size_t dataset_view_index(const struct dataset *, size_t i);

/* Frees a data set of any kind. NULL is none. */
void dataset_free(struct dataset *);
