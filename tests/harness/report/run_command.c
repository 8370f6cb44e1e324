#include "run_command.h"

#include <fcntl.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_ARGUMENTS = 8, PATHS = 8 };

static char folder[] = "/tmp/evalh-report-XXXXXX";

int make_folder(void **state)
{
    (void)state;
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    return mkdtemp(folder) ? 0 : -1;
}

int remove_folder(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

const char *in_folder(const char *name)
{
    static char path[PATHS][128];
    static int next;
    char *p = path[next++ % PATHS];
    snprintf(p, sizeof path[0], "%s/%s", folder, name);
    return p;
}

char *read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        fprintf(stderr, "%s: expected to be there\n", path);
        abort();
    }
    fseek(f, 0, SEEK_END);
    size_t size = (size_t)ftell(f);
    rewind(f);
    char *text = calloc(size + 1, 1);
    if (!text || fread(text, 1, size, f) != size)
        abort();
    fclose(f);
    return text;
}

struct outcome run_command(const struct command *command, const char *const *arguments)
{
    char *argv[MOST_ARGUMENTS + 2] = { strdup(command->name) };
    char out[64], err[64];
    int argc = 1;
    for (; argc <= MOST_ARGUMENTS && arguments[argc - 1]; argc++)
        argv[argc] = strdup(arguments[argc - 1]);
    snprintf(out, sizeof out, "%s/out", folder);
    snprintf(err, sizeof err, "%s/err", folder);
    fflush(NULL);
    int saved[2] = { dup(1), dup(2) };
    int to[2] = { open(out, O_CREAT | O_TRUNC | O_WRONLY, 0600),
                  open(err, O_CREAT | O_TRUNC | O_WRONLY, 0600) };
    dup2(to[0], 1);
    dup2(to[1], 2);
    struct outcome o = { .code = command_main(command, argc, argv) };
    fflush(NULL);
    for (int i = 0; i < 2; i++) {
        dup2(saved[i], i + 1);
        close(saved[i]);
        close(to[i]);
    }
    for (int i = 0; i < argc; i++)
        free(argv[i]);
    o.out = read_file(out);
    o.err = read_file(err);
    return o;
}

void outcome_free(struct outcome *o)
{
    free(o->out);
    free(o->err);
}
