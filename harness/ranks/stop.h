/* SIGINT and SIGTERM ask the run to end, which it does between two pieces of work. A second signal
 * ends the program at once; no finished shard is lost. */
#pragma once

#include <stdbool.h>

void stop_listen(void);
bool stop_requested(void);
int stop_signal(void); /* 0: none */
