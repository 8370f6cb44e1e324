/* Names of the classes of a run, where they are known. */
#pragma once

#include "class_list.h"
#include "result.h"

/* As the run's config said, or the classes.txt beside its checkpoint, or ImageNet's own for a head
 * of 1,000; out->count 0 where none of these is there. To be freed by class_list_free. E_CONFIG: a
 * list that cannot be read, which is no reason to give up a report; *out is then empty. E_NOMEM. */
enum status result_classes(const struct result *, struct class_list *out, struct error *err);
