#include "synsets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "free_all.h"
#include "mat5.h"

#define MAX_FILE_BYTES ((off_t)64 << 20)
#define MAX_ID 1000000 /* ImageNet has 1,860 */

static const char wanted[] = "the devkit's meta.mat is wanted (MATLAB 5, a struct array 'synsets' "
                             "with the fields ILSVRC2012_ID, WNID and num_children)";

struct leaf {
    struct synset_wnid wnid;
    int32_t id;
};

struct table {
    struct leaf *leaves;
    size_t count;
    int32_t max_id; /* of all synsets, leaves or not */
};

/* Fields of the struct array, by their place in its list of names; -1: not there. */
struct fields {
    size_t count;
    int id, wnid, children;
};

static bool read_fields(struct mat5_span *parts, struct fields *out)
{
    struct mat5_element width, names;
    if (!mat5_next(parts, &width) || width.type != MAT5_INT32 || width.data.left != 4 ||
        !mat5_next(parts, &names) || names.type != MAT5_INT8)
        return false;
    /* Each name takes this many bytes, with NULs after it. */
    size_t bytes = width.data.at[0];
    if (bytes == 0 || width.data.at[1] != 0 || width.data.at[2] != 0 || width.data.at[3] != 0)
        return false;
    *out = (struct fields){ names.data.left / bytes, -1, -1, -1 };
    for (size_t f = 0; f < out->count && f < INT32_MAX; f++) {
        char name[256] = "";
        memcpy(name, names.data.at + f * bytes, bytes);
        name[bytes - 1] = '\0';
        if (strcmp(name, "ILSVRC2012_ID") == 0)
            out->id = (int)f;
        else if (strcmp(name, "WNID") == 0)
            out->wnid = (int)f;
        else if (strcmp(name, "num_children") == 0)
            out->children = (int)f;
    }
    return out->count > 0;
}

static enum status read_synset(struct mat5_span *parts, const struct fields *fields, size_t index,
                               const char *name, struct table *table, struct error *err)
{
    struct mat5_element cell;
    struct leaf leaf = { { "" }, 0 };
    double id = 0, children = 0;
    bool ok = true;
    for (size_t f = 0; f < fields->count && ok; f++) {
        ok = mat5_next(parts, &cell);
        if (ok && (int)f == fields->id)
            ok = mat5_number(&cell, &id);
        if (ok && (int)f == fields->wnid)
            ok = mat5_text(&cell, leaf.wnid.text, sizeof leaf.wnid.text);
        if (ok && (int)f == fields->children)
            ok = mat5_number(&cell, &children);
    }
    if (!ok)
        return fail(err, E_CONFIG, "%s: synsets(%zu) lacks a field or holds another kind; %s", name,
                    index + 1, wanted);
    if (!(id >= 1 && id <= MAX_ID) || id != (int32_t)id)
        return fail(err, E_CONFIG, "%s: synsets(%zu).ILSVRC2012_ID is %g; 1 to %d is wanted", name,
                    index + 1, id, MAX_ID);
    leaf.id = (int32_t)id;
    if (leaf.id > table->max_id)
        table->max_id = leaf.id;
    if (children == 0)
        table->leaves[table->count++] = leaf;
    return OK;
}

static enum status read_struct(const struct mat5_matrix *m, const char *name, struct table *table,
                               struct error *err)
{
    struct mat5_span parts = m->parts;
    struct fields fields;
    if (m->class != MAT5_CLASS_STRUCT || !read_fields(&parts, &fields) || fields.id < 0 ||
        fields.wnid < 0)
        return fail(err, E_CONFIG, "%s: 'synsets' is another kind of variable; %s", name, wanted);
    /* Every cell takes 8 bytes or more. */
    if (m->count == 0 || m->count > parts.left / 8 / fields.count)
        return fail(err, E_CONFIG, "%s: 'synsets' has %zu elements and data for %zu; %s", name,
                    m->count, parts.left / 8 / fields.count, wanted);
    table->leaves = calloc(m->count, sizeof *table->leaves);
    if (table->leaves == NULL)
        return fail(err, E_NOMEM, "%s: no memory for %zu synsets", name, m->count);
    for (size_t i = 0; i < m->count; i++)
        TRY(read_synset(&parts, &fields, i, name, table, err));
    return OK;
}

static int by_wnid(const void *a, const void *b)
{
    const struct leaf *x = a, *y = b;
    return strcmp(x->wnid.text, y->wnid.text);
}

static enum status rank_leaves(struct table *table, const char *name, struct synsets *out,
                               struct error *err)
{
    if (table->count == 0)
        return fail(err, E_CONFIG, "%s: no synset without children; %s", name, wanted);
    qsort(table->leaves, table->count, sizeof *table->leaves, by_wnid);
    out->ids = (size_t)table->max_id + 1;
    out->classes = table->count;
    out->class_of = malloc(out->ids * sizeof *out->class_of);
    out->wnids = calloc(out->classes, sizeof *out->wnids);
    if (out->class_of == NULL || out->wnids == NULL)
        return fail(err, E_NOMEM, "%s: no memory for %zu IDs", name, out->ids);
    for (size_t i = 0; i < out->ids; i++)
        out->class_of[i] = -1;
    for (size_t i = 0; i < table->count; i++) {
        const struct leaf *l = &table->leaves[i];
        if (i > 0 && strcmp(l[-1].wnid.text, l->wnid.text) == 0)
            return fail(err, E_CONFIG, "%s: two synsets have the WNID %s", name, l->wnid.text);
        if (out->class_of[l->id] >= 0)
            return fail(err, E_CONFIG, "%s: two synsets have the ILSVRC2012_ID %d", name, l->id);
        out->class_of[l->id] = (int32_t)i;
        out->wnids[i] = l->wnid;
    }
    return OK;
}

/* Looks for the variable among the file's elements. */
static enum status find_synsets(struct mat5_span file, const char *name, struct table *table,
                                struct error *err)
{
    struct mat5_element e;
    while (mat5_next(&file, &e)) {
        uint8_t *memory = NULL;
        struct mat5_matrix m;
        if (e.type == MAT5_COMPRESSED && !mat5_inflate(&e, &e, &memory))
            return fail(err, E_CONFIG, "%s: a variable's compressed data are damaged", name);
        bool found = mat5_matrix(&e, &m) && m.name.left == strlen("synsets") &&
                     memcmp(m.name.at, "synsets", m.name.left) == 0;
        enum status status = found ? read_struct(&m, name, table, err) : OK;
        free(memory);
        if (found)
            return status;
    }
    if (file.left > 0)
        return fail(err, E_CONFIG, "%s: cut off or damaged; %s", name, wanted);
    return fail(err, E_CONFIG, "%s: no variable 'synsets'; %s", name, wanted);
}

enum status synsets_parse(const uint8_t *bytes, size_t size, const char *name, struct synsets *out,
                          struct error *err)
{
    static const uint8_t hdf5[8] = { 0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n' };
    struct table table = { 0 };
    *out = (struct synsets){ 0 };
    if (size >= 512 + sizeof hdf5 && memcmp(bytes + 512, hdf5, sizeof hdf5) == 0)
        return fail(err, E_CONFIG, "%s: MATLAB 7.3; save it with -v7, or use the devkit's own",
                    name);
    /* At 124: version 0x0100, then "MI" as a 16-bit number in the writer's byte order. */
    if (size < MAT5_HEADER || memcmp(bytes + 124, "\0\1IM", 4) != 0)
        return fail(err, E_CONFIG, "%s: not a MATLAB 5 file (little-endian); %s", name, wanted);
    const struct mat5_span file = { bytes + MAT5_HEADER, size - MAT5_HEADER };
    enum status status = find_synsets(file, name, &table, err);
    if (status == OK)
        status = rank_leaves(&table, name, out, err);
    free(table.leaves);
    if (status != OK)
        synsets_free(out);
    return status;
}

enum status synsets_read(const char *path, struct synsets *out, struct error *err)
{
    struct stat st;
    *out = (struct synsets){ 0 };
    if (stat(path, &st) != 0)
        return fail(err, E_CONFIG, "%s: cannot open: %s; %s", path, strerror(errno), wanted);
    if (!S_ISREG(st.st_mode) || st.st_size > MAX_FILE_BYTES)
        return fail(err, E_CONFIG, "%s: not a file, or one of over %lld bytes; %s", path,
                    (long long)MAX_FILE_BYTES, wanted);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return fail(err, E_CONFIG, "%s: cannot open: %s", path, strerror(errno));
    size_t size = (size_t)st.st_size;
    uint8_t *bytes = malloc(size > 0 ? size : 1);
    enum status status = OK;
    if (bytes == NULL)
        status = fail(err, E_NOMEM, "%s: no memory for its %zu bytes", path, size);
    else if (fread(bytes, 1, size, file) != size)
        status = fail(err, E_CONFIG, "%s: cannot read all of its %zu bytes", path, size);
    else
        status = synsets_parse(bytes, size, path, out, err);
    free(bytes);
    fclose(file);
    return status;
}

void synsets_free(struct synsets *s)
{
    FREE_ALL(s->class_of, s->wnids);
    *s = (struct synsets){ 0 };
}
