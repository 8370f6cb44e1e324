#include "outputs.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "place.h"
#include "store.h"

enum status outputs_check(const char *option, const char *path, const struct outputs_inputs *in,
                          struct error *err)
{
    for (size_t i = 0; i < in->count; i++)
        if (in->path[i] != NULL && same_place(path, in->path[i]))
            return fail(err, E_CONFIG,
                        "%s: '%.300s' would be written over what is read, '%.300s'; another place "
                        "is expected",
                        option, path, in->path[i]);
    if (store_is_result(path))
        return fail(err, E_CONFIG,
                    "%s: '%.300s' is a result of evalh run and is not written over; another place "
                    "is expected",
                    option, path);
    return OK;
}

enum status outputs_check_stem(const char *option, const char *stem,
                               const struct outputs_inputs *in, struct error *err)
{
    static const char *const endings[] = { ".png", ".pdf", ".svg",     ".csv",
                                           ".h5",  ".rgb", ".gnuplot", ".h5.tmp" };
    enum status status = OK;
    for (size_t i = 0; status == OK && i < sizeof endings / sizeof *endings; i++) {
        char *path = NULL;
        status = asprintf(&path, "%s%s", stem, endings[i]) < 0 ? fail(err, E_NOMEM, "out of memory")
                 : access(path, F_OK) == 0 ? outputs_check(option, path, in, err)
                                           : OK;
        free(path);
    }
    return status;
}
