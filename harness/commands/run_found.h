/* What a run would find where its result is to lie. */
#pragma once

#include <stdio.h>

#include "plan.h"
#include "store.h"

/* What this run is for the store; texts are the plan's. */
void run_identity(const struct plan *, int ranks, struct store_identity *);

/* Whether the store would refuse the run, or what it would go on with. `known`: the plan is open in
 * full; else only what needs no identity is looked at. E_CONFIG. Touches nothing. */
enum status run_look(const struct plan *, bool known, int ranks, bool fresh,
                     struct store_found *found, struct error *err);
/* A sentence about what was found; "" where that is nothing. */
const char *run_found_text(const struct store_found *, char *out, size_t size);
