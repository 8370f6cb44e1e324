/* The processes that share a run: the ranks that mpirun started, or this process alone, for which
 * everything here is as simple as it sounds. Rank 0 leads: it reads what is there, holds the lock,
 * hands out shards, shows progress, merges, and says what went wrong.
 *
 * Every rank calls the same functions in the same order. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "status.h"

struct ranks;
struct transport;

/* E_CONFIG where a launcher started several processes that cannot work together. */
enum status ranks_open(struct ranks **out, struct error *err);
/* Over a transport of the caller's, which is then the ranks' to close; NULL: alone. */
enum status ranks_open_on(struct transport *, struct ranks **out, struct error *err);
void ranks_close(struct ranks *); /* accepts NULL */

int ranks_count(const struct ranks *);
bool ranks_lead(const struct ranks *); /* rank 0 */
/* Among the ranks of this machine: GPUs are dealt by it. */
int ranks_local(const struct ranks *);
/* How many ranks share this one's processors; at least 1. */
int ranks_sharers(const struct ranks *);

/* OK where every rank says OK; else every rank has the code and the message of the first that
 * failed, and with it its number and machine where that is not rank 0. Waits for all. */
enum status ranks_agree(struct ranks *, enum status mine, struct error *err);

enum { RANKS_SHARE = 1024 };
/* Gives every rank rank 0's `bytes`; at most RANKS_SHARE of them. */
void ranks_share(struct ranks *, void *bytes, size_t size);
