#include "unfinished.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "free_all.h"
#include "store.h"

static const char parts[] = ".parts";

/* Returns OUTPUT for "OUTPUT.parts" and "OUTPUT.parts/", else the path itself. NULL: no memory. */
static char *output_of(const char *path)
{
    char *output = strdup(path);
    size_t length = output ? strlen(output) : 0, tail = strlen(parts);
    while (length > 1 && output[length - 1] == '/')
        output[--length] = '\0';
    if (length > tail && strcmp(output + length - tail, parts) == 0)
        output[length - tail] = '\0';
    return output;
}

bool unfinished_is(const char *path)
{
    char *output = output_of(path);
    bool is = output && store_is_unfinished(output);
    free(output);
    return is;
}

/* "in progress, 3 of 8 shards (24 of 64 images) are done" */
static char *describe(const struct store_progress *p)
{
    char *text = NULL;
    int length =
        p->shards > 0
            ? asprintf(&text, "%s, %zu of %zu shards (%zu of %zu images) are done",
                       p->at_work ? "in progress" : "interrupted", p->shards_done, p->shards,
                       p->images_done, p->images)
            : asprintf(&text, "%s, %zu shards (%zu images) are done",
                       p->at_work ? "in progress" : "interrupted", p->shards_done, p->images_done);
    return length < 0 ? NULL : text;
}

static enum status open_collected(const char *path, const char *output, const char *file,
                                  struct result **out, struct error *err)
{
    struct store_progress progress;
    TRY(store_collect(output, file, &progress, err));
    enum status status = result_open(file, out, err);
    if (status != OK)
        return fail_prefix(err, "%s (unfinished): ", path);
    free((*out)->path);
    (*out)->path = strdup(output);
    (*out)->progress = describe(&progress);
    if ((*out)->path && (*out)->progress)
        return OK;
    result_close(*out);
    *out = NULL;
    return fail(err, E_NOMEM, "%s: no memory to read it", path);
}

enum status unfinished_open(const char *path, struct result **out, struct error *err)
{
    const char *folder = getenv("TMPDIR");
    char *output, *file = NULL;
    *out = NULL;
    if (!unfinished_is(path))
        return result_open(path, out, err);
    output = output_of(path);
    if (asprintf(&file, "%s/evalh-XXXXXX", folder && *folder ? folder : "/tmp") < 0)
        file = NULL;
    enum status status = output && file ? OK : fail(err, E_NOMEM, "%s: no memory to read it", path);
    int fd = status == OK ? mkstemp(file) : -1;
    if (status == OK && fd < 0)
        status = fail(err, E_IO, "%s: cannot be made to show an unfinished run: %s", file,
                      strerror(errno));
    if (fd >= 0) {
        close(fd);
        status = open_collected(path, output, file, out, err);
        if (status != OK)
            unlink(file);
    }
    FREE_ALL(output, file);
    return status;
}

void unfinished_close(struct result *r)
{
    if (r && strcmp(r->path, r->file) != 0)
        unlink(r->file);
    result_close(r);
}
