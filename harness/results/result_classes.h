/* Names of the classes of a run, where they are known. */
#pragma once

#include "class_list.h"
#include "result.h"

/* Reads the names from the list that the run's config names, or from the classes.txt beside its
 * checkpoint, or takes ImageNet's for a head of 1,000; out->count is 0 where there are none. Free
 * them with class_list_free. E_CONFIG: a list cannot be read, which need not stop a report; *out is
 * then empty. E_NOMEM. */
enum status result_classes(const struct result *, struct class_list *out, struct error *err);
