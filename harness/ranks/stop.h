/* SIGINT and SIGTERM ask the run to end; it does so between pieces of work. A second signal ends
 * the program at once, which loses no finished shard. */
#pragma once

#include <stdbool.h>

void stop_listen(void);
bool stop_requested(void);
int stop_signal(void); /* 0: none */
