/* Opens result files, and unfinished runs as if they were result files: the shards that are done
 * are read. */
#pragma once

#include <stdbool.h>

#include "result.h"

/* Whether `path` names the output of an unfinished run, or the folder OUTPUT.parts of its shards.
 */
bool unfinished_is(const char *path);

/* Like result_open; but for the output of an unfinished run (see unfinished_is) it joins the shards
 * that are done in a temporary file. The result is then not complete, and its `progress` says how
 * far the run has come and whether it is at work. Errors are those of result_open and
 * store_collect. */
enum status unfinished_open(const char *path, struct result **out, struct error *err);
/* Closes what unfinished_open opened, and removes the temporary file; accepts NULL. */
void unfinished_close(struct result *);
