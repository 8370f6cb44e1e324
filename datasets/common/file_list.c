#include "file_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "text_lines.h"

/* Splits "some name.JPEG  17": the label is the last column, so names may hold blanks. `line` is
 * trimmed and not empty. */
static enum status split_line(char *line, int32_t *label, struct error *err)
{
    size_t length = strlen(line), at = length;
    while (at > 0 && line[at - 1] != ' ' && line[at - 1] != '\t')
        at--;
    char *end, *number = line + at;
    errno = 0;
    long value = strtol(number, &end, 10);
    if (at == 0 || *end != '\0' || number[0] < '0' || number[0] > '9')
        return fail(err, E_CONFIG, "'%.80s' has no class index at its end; 'file label' is wanted",
                    line);
    if (errno != 0 || value > INT32_MAX)
        return fail(err, E_CONFIG, "class index %.40s is out of range 0 to %d", number, INT32_MAX);
    *label = (int32_t)value;
    trim_end(line, at);
    return OK;
}

struct list_reader {
    const char *root; /* NULL: names are not looked up */
    struct image_list *list;
    size_t *lines; /* [list->count] of each entry */
    size_t room;
};

/* Bytes of the file that a name stands for. */
static enum status file_size(const char *root, const char *name, uint64_t *size, struct error *err)
{
    struct stat st;
    char *path = path_join(root, name);
    if (path == NULL)
        return fail(err, E_NOMEM, "no memory for a path");
    enum status status = OK;
    if (stat(path, &st) != 0)
        status = fail(err, E_CONFIG, "cannot find '%.300s' (looked for %.400s): %s", name, path,
                      strerror(errno));
    else if (!S_ISREG(st.st_mode))
        status = fail(err, E_CONFIG, "'%.400s' is not a file", path);
    else
        *size = (uint64_t)st.st_size;
    free(path);
    return status;
}

static enum status take_line(void *context, char *line, size_t number, struct error *err)
{
    struct list_reader *r = context;
    int32_t label = -1;
    uint64_t size = 0;
    if (r->list->count == r->room) {
        size_t more = r->room > 0 ? r->room * 2 : 256;
        size_t *moved = reallocarray(r->lines, more, sizeof *moved);
        if (moved == NULL)
            return fail(err, E_NOMEM, "no memory for the lines of the list");
        r->lines = moved;
        r->room = more;
    }
    r->lines[r->list->count] = number;
    TRY(split_line(line, &label, err));
    if (r->root != NULL)
        TRY(file_size(r->root, line, &size, err));
    return image_list_add(r->list, strdup(line), label, size, err);
}

struct named_line {
    const char *id;
    size_t line;
};

static int by_id_then_line(const void *a, const void *b)
{
    const struct named_line *x = a, *y = b;
    int order = strcmp(x->id, y->id);
    return order != 0 ? order : (x->line > y->line) - (x->line < y->line);
}

/* Ids are keys of the results: each once. */
static enum status check_unique(const char *name, const struct image_list *list,
                                const size_t *lines, struct error *err)
{
    struct named_line *sorted = calloc(list->count + 1, sizeof *sorted);
    enum status status = OK;
    if (sorted == NULL)
        return fail(err, E_NOMEM, "%s: no memory for its lines", name);
    for (size_t i = 0; i < list->count; i++)
        sorted[i] = (struct named_line){ list->items[i].id, lines[i] };
    qsort(sorted, list->count, sizeof *sorted, by_id_then_line);
    for (size_t i = 1; i < list->count && status == OK; i++)
        if (strcmp(sorted[i - 1].id, sorted[i].id) == 0)
            status = fail(err, E_CONFIG, "%s:%zu: '%.300s' is listed already in line %zu", name,
                          sorted[i].line, sorted[i].id, sorted[i - 1].line);
    free(sorted);
    return status;
}

enum status file_list_read(const char *path, const char *root, struct image_list *out,
                           size_t **lines, struct error *err)
{
    struct list_reader r = { .root = root, .list = out };
    struct stat st;
    if (root != NULL && access(path, F_OK) == 0 && (stat(root, &st) != 0 || !S_ISDIR(st.st_mode)))
        return fail(err, E_CONFIG, "%s: no such folder; root is where the names of %s start", root,
                    path);
    enum status status = text_lines(path, "a text file of 'file label' lines", take_line, &r, err);
    if (status == OK)
        status = check_unique(path, out, r.lines, err);
    if (status == OK && out->count == 0)
        status = fail(err, E_CONFIG, "%s: no images; 'file label' lines are wanted", path);
    if (status == OK && lines != NULL)
        *lines = r.lines;
    else
        free(r.lines);
    return status;
}
