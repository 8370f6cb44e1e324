/* The command line of a run, for advice: what goes on, what would begin. */
#pragma once

#include <stddef.h>

/* "evalh run CONFIG... -s KEY=VALUE... --limit N" as a shell takes it; all options of a run but
 * --fresh, which would begin anew. limit: of --limit, or NULL. malloc'ed; NULL: no memory. */
char *run_again(const char *const *configs, size_t config_count, const char *const *settings,
                size_t override_count, const char *limit);
