/* The processes that share a run: the ranks that mpirun started, or this process alone, for which
 * every function here is trivial. Rank 0 leads: it reads the stored results, holds the lock, hands
 * out shards, shows progress, merges, and reports errors.
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
/* The same over a transport that the caller opened and the ranks will close; NULL: alone. */
enum status ranks_open_on(struct transport *, struct ranks **out, struct error *err);
void ranks_close(struct ranks *); /* accepts NULL */

int ranks_count(const struct ranks *);
bool ranks_lead(const struct ranks *); /* rank 0 */
/* This rank's index among the ranks of this machine, by which GPUs are assigned. */
int ranks_local(const struct ranks *);
/* The number of ranks that share this one's processors; at least 1. */
int ranks_sharers(const struct ranks *);

/* Waits for all ranks. OK where every rank passes OK; otherwise every rank gets the code and the
 * message of the first one that failed, with its number and machine where that is not rank 0. */
enum status ranks_agree(struct ranks *, enum status mine, struct error *err);

enum { RANKS_SHARE = 1024 };
/* Gives every rank the `bytes` of rank 0; at most RANKS_SHARE of them. */
void ranks_share(struct ranks *, void *bytes, size_t size);
