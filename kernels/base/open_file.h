/* Opening files that somebody else named: nothing waits for whoever might write into a pipe. */
#pragma once

#include <stdio.h>

#include "status.h"

/* E_IO: "PATH: why not; WANTED is expected", where there is none, or it is a folder, a pipe, a
 * socket or a device. For libraries that open by name. */
enum status check_file(const char *path, const char *wanted, struct error *err);
/* The same, and opens it for reading, in binary. */
enum status open_file(const char *path, const char *wanted, FILE **out, struct error *err);
