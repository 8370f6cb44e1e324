/* Passes that come again, as CUDA graphs: one launch in place of hundreds. The first pass of a key
 * is run operation by operation (scratch grows, libraries choose and load their kernels), the
 * second is captured and its graph launched, later ones launch it again.
 *
 * Graphs hold addresses: they all go when memory is freed (cu_forget_passes). A pass that cannot be
 * captured is run as before, and so is every later one; be->pass_counts says why. */
#include "cu.h"

static struct cu_graph *find(struct cu *cu, const struct pass_key *key)
{
    for (int i = 0; i < CU_GRAPHS; i++) {
        struct cu_graph *g = &cu->graph[i];
        if (g->used != 0 && g->key.of == key->of && g->key.part == key->part &&
            g->key.count == key->count)
            return g;
    }
    return NULL;
}

/* A graph that still runs is freed by the library once it has ended. */
static void forget(struct backend *be, struct cu_graph *g)
{
    if (g->exec != NULL)
        CU_TRY(be, cudaGraphExecDestroy(g->exec));
    *g = {};
}

void cu_forget_passes(struct backend *be)
{
    for (int i = 0; i < CU_GRAPHS; i++)
        forget(be, &cu_of(be)->graph[i]);
}

/* Takes the place of the pass that was asked for the longest time ago. */
static void remember(struct backend *be, const struct pass_key *key)
{
    struct cu *cu = cu_of(be);
    struct cu_graph *g = &cu->graph[0];
    for (int i = 1; i < CU_GRAPHS; i++)
        if (cu->graph[i].used < g->used)
            g = &cu->graph[i];
    forget(be, g);
    g->key = *key;
    g->used = ++cu->turn;
}

/* Gives graphs up for good, since a recording that failed would be tried again at every pass. The
 * run goes on without the error; one that the device cannot recover from comes back with the
 * operations themselves. */
static void give_up(struct backend *be)
{
    be->pass_counts.given_up = be->failed;
    be->failed.code = OK;
    cudaGetLastError();
    cu_forget_passes(be);
}

/* Captures the pass without running any of it. Returns false, with the failure recorded, where that
 * fails. The capture takes the calls of this thread alone: others may work with other backends
 * meanwhile. */
static bool record(struct backend *be, struct cu_graph *g, pass_fn *pass, void *context)
{
    struct cu *cu = cu_of(be);
    cudaGraph_t graph = NULL;
    cudaGraphExec_t exec = NULL;
    if (!CU_TRY(be, cudaStreamBeginCapture(cu->stream, cudaStreamCaptureModeThreadLocal)))
        return false;
    cu->recording = true;
    pass(context);
    cu->recording = false;
    /* The stream must leave the capture also when an operation has failed in it. */
    if (CU_TRY(be, cudaStreamEndCapture(cu->stream, &graph)) && be->failed.code == OK &&
        CU_TRY(be, cudaGraphInstantiate(&exec, graph)))
        g->exec = exec;
    if (graph != NULL)
        CU_TRY(be, cudaGraphDestroy(graph));
    return be->failed.code == OK;
}

void cu_repeat(struct backend *be, const struct pass_key *key, pass_fn *pass, void *context)
{
    struct cu *cu = cu_of(be);
    struct pass_counts *counts = &be->pass_counts;
    if (!cu_begin(be))
        return;
    counts->passes++;
    struct cu_graph *g = find(cu, key);
    if (g == NULL) {
        pass(context);
        /* only now: where its scratch grew, it freed memory, and all passes known before were
         * forgotten */
        if (be->failed.code == OK && counts->given_up.code == OK)
            remember(be, key);
        return;
    }
    const bool fresh = g->exec == NULL;
    g->used = ++cu->turn;
    if ((fresh && !record(be, g, pass, context)) ||
        !CU_TRY(be, cudaGraphLaunch(g->exec, cu->stream))) {
        give_up(be);
        pass(context);
        return;
    }
    counts->recorded += fresh;
    counts->replayed += !fresh;
}
