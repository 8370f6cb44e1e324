/* Result files, and runs that are not done: what their shards hold so far reads like a result. */
#pragma once

#include <stdbool.h>

#include "result.h"

/* Whether `path` names the output of an unfinished run, or the folder OUTPUT.parts of its shards.
 */
bool unfinished_is(const char *path);

/* result_open, but for the output of an unfinished run (see unfinished_is): the shards that are
 * done are joined in a temporary file, the result is not complete, and its `progress` says how far
 * the run is and whether it is at work. Errors as result_open's and store_collect's. */
enum status unfinished_open(const char *path, struct result **out, struct error *err);
/* Closes what unfinished_open opened, and removes the temporary file; accepts NULL. */
void unfinished_close(struct result *);
