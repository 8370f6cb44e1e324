/* A build without MPI: every process is alone. */
#include <stdlib.h>

#include "transport.h"

enum status transport_open(struct transport **out, struct error *err)
{
    *out = NULL;
    const char *size = getenv("OMPI_COMM_WORLD_SIZE");
    if (size != NULL && atoi(size) > 1)
        return fail(err, E_CONFIG,
                    "started %s times by mpirun, but this evalh is built without MPI; configure it "
                    "with -Dmpi=enabled (Debian: libopenmpi-dev), or start it once",
                    size);
    return OK;
}
