/* MPI: mpirun, or srun with PMIx, starts the ranks. */
#include <mpi.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "transport.h"

static void mpi_send(struct transport *t, int to, const struct message *m)
{
    (void)t;
    size_t bytes = offsetof(struct message, text) + (size_t)m->length;
    MPI_Send(m, (int)bytes, MPI_BYTE, to, 0, MPI_COMM_WORLD);
}

static bool mpi_receive(struct transport *t, struct message *m, int *from)
{
    (void)t;
    int there = 0;
    MPI_Status status;
    MPI_Iprobe(MPI_ANY_SOURCE, 0, MPI_COMM_WORLD, &there, &status);
    if (!there)
        return false;
    *from = status.MPI_SOURCE;
    /* Receives the message that was probed. Even if another one came first, no message is longer
     * than the buffer. */
    MPI_Recv(m, (int)sizeof *m, MPI_BYTE, *from, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    return true;
}

static void mpi_close(struct transport *t)
{
    free(t);
    MPI_Finalize();
}

/* Counts the ranks of this machine that use this rank's processors: only itself, where mpirun or
 * Slurm gave each rank its own. */
static enum status count_sharers(struct transport *t, MPI_Comm machine, struct error *err)
{
    int locals;
    cpu_set_t mine, *all;
    MPI_Comm_size(machine, &locals);
    CPU_ZERO(&mine);
    sched_getaffinity(0, sizeof mine, &mine);
    all = malloc((size_t)locals * sizeof *all);
    if (all == NULL)
        return fail(err, E_NOMEM, "out of memory for %d ranks", locals);
    MPI_Allgather(&mine, (int)sizeof mine, MPI_BYTE, all, (int)sizeof mine, MPI_BYTE, machine);
    t->sharers = 0;
    for (int i = 0; i < locals; i++)
        t->sharers += CPU_EQUAL(&mine, &all[i]) != 0;
    free(all);
    return OK;
}

static enum status find_place(struct transport *t, struct error *err)
{
    MPI_Comm machine;
    MPI_Comm_rank(MPI_COMM_WORLD, &t->rank);
    MPI_Comm_size(MPI_COMM_WORLD, &t->count);
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, t->rank, MPI_INFO_NULL, &machine);
    MPI_Comm_rank(machine, &t->local_rank);
    enum status status = count_sharers(t, machine, err);
    MPI_Comm_free(&machine);
    return status;
}

/* MPI_Init in a process that no launcher started would start helpers of its own. */
static bool launched(void)
{
    return getenv("OMPI_COMM_WORLD_SIZE") != NULL || getenv("PMIX_RANK") != NULL;
}

enum status transport_open(struct transport **out, struct error *err)
{
    *out = NULL;
    if (!launched())
        return OK;
    int level = MPI_THREAD_SINGLE;
    /* One thread at a time uses MPI; on rank 0, while it hands out shards, that is not the main
     * thread. */
    MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &level);
    struct transport *t = calloc(1, sizeof *t);
    enum status status = OK;
    if (t == NULL)
        status = fail(err, E_NOMEM, "out of memory");
    else if (level < MPI_THREAD_SERIALIZED)
        status = fail(err, E_CONFIG,
                      "this MPI library does not allow threads to take turns in "
                      "calling it (MPI_THREAD_SERIALIZED), which evalh needs");
    if (status == OK)
        status = find_place(t, err);
    if (status != OK) {
        free(t);
        MPI_Finalize();
        return status;
    }
    t->send = mpi_send;
    t->receive = mpi_receive;
    t->close = mpi_close;
    *out = t;
    return OK;
}
