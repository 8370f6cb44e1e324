#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "parts.h"
#include "quote.h"
#include "sizes.h"

/* {"name": {"dtype": "F32", "shape": [...], "data_offsets": [begin, end]}, ...}; NULL: no memory */
static char *header_text(const struct checkpoint *c, enum dtype dtype)
{
    cJSON *root = cJSON_CreateObject();
    size_t at = 0;
    bool ok = root != NULL;
    for (size_t i = 0; ok && i < c->count; i++) {
        const struct tensor *t = &c->tensors[i];
        const size_t end = at + t->count * dtype_size(dtype);
        cJSON *entry = cJSON_AddObjectToObject(root, t->name);
        cJSON *type = cJSON_AddStringToObject(entry, "dtype", dtype_name(dtype));
        cJSON *shape = cJSON_AddArrayToObject(entry, "shape");
        cJSON *offsets = cJSON_AddArrayToObject(entry, "data_offsets");
        ok = type != NULL && shape != NULL && offsets != NULL;
        for (int d = 0; ok && d < t->ndim; d++)
            ok = cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)t->shape[d]));
        ok = ok && cJSON_AddItemToArray(offsets, cJSON_CreateNumber((double)at)) &&
             cJSON_AddItemToArray(offsets, cJSON_CreateNumber((double)end));
        at = end;
    }
    char *text = ok ? cJSON_PrintUnformatted(root) : NULL;
    cJSON_Delete(root);
    return text;
}

static enum status write_tensor(FILE *f, const struct tensor *t, enum checkpoint_dtype dtype,
                                struct error *err)
{
    uint16_t half[1024];
    if (dtype == CHECKPOINT_FP32) {
        if (fwrite(t->data, sizeof(float), t->count, f) != t->count)
            return fail(err, E_IO, "%s", strerror(errno));
        return OK;
    }
    for (size_t at = 0; at < t->count;) {
        size_t n = t->count - at < 1024 ? t->count - at : 1024;
        for (size_t i = 0; i < n; i++) {
            half[i] = half_from_float(t->data[at + i]);
            if ((half[i] & 0x7c00) == 0x7c00)
                return fail(err, E_DATA, "tensor %s: element %zu is %g, beyond fp16's 65504",
                            quote(t->name).text, at + i, (double)t->data[at + i]);
        }
        if (fwrite(half, sizeof *half, n, f) != n)
            return fail(err, E_IO, "%s", strerror(errno));
        at += n;
    }
    return OK;
}

static enum status write_all(FILE *f, const struct checkpoint *c, enum checkpoint_dtype dtype,
                             struct error *err)
{
    char *text = header_text(c, dtype == CHECKPOINT_FP16 ? DTYPE_F16 : DTYPE_F32);
    if (text == NULL)
        return fail(err, E_NOMEM, "no memory for the header of %zu tensors", c->count);
    const uint64_t length = round_up(strlen(text), 8); /* so that the data is aligned */
    const bool ok = fwrite(&length, sizeof length, 1, f) == 1 &&
                    fprintf(f, "%-*s", (int)length, text) == (int)length;
    free(text);
    if (!ok)
        return fail(err, E_IO, "%s", strerror(errno));
    for (size_t i = 0; i < c->count; i++)
        TRY(write_tensor(f, &c->tensors[i], dtype, err));
    if (fflush(f) != 0 || fsync(fileno(f)) != 0)
        return fail(err, E_IO, "%s", strerror(errno));
    return OK;
}

enum status checkpoint_write_safetensors(const char *path, const struct checkpoint *c,
                                         enum checkpoint_dtype dtype, struct error *err)
{
    char *temporary;
    if (asprintf(&temporary, "%s.%ld.tmp", path, (long)getpid()) < 0)
        return fail(err, E_NOMEM, "%s: no memory", path);
    FILE *f = fopen(temporary, "wbx");
    enum status s = OK;
    if (f == NULL)
        s = fail(err, E_IO, "%s", strerror(errno));
    else
        s = write_all(f, c, dtype, err);
    if (f != NULL && fclose(f) != 0 && s == OK)
        s = fail(err, E_IO, "%s", strerror(errno));
    if (s == OK && rename(temporary, path) != 0)
        s = fail(err, E_IO, "%s", strerror(errno));
    if (s != OK) {
        if (f != NULL)
            unlink(temporary);
        fail_prefix(err, "%s: ", path);
    }
    free(temporary);
    return s;
}
