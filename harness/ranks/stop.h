/* SIGINT and SIGTERM ask the run to end, which it does between two pieces of work. A second signal
 * ends the program at once; no finished shard is lost. While nobody listens, as while a run's files
 * are opened, the first one ends it. */
#pragma once

#include <stdbool.h>

void stop_listen(void);
void stop_leave(void); /* as before stop_listen */
bool stop_requested(void);
int stop_signal(void); /* 0: none */
