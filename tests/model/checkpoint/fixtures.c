#include "fixtures.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>

static char folder[64];

void buffer_free(struct buffer *b)
{
    free(b->at);
    *b = (struct buffer){ 0 };
}

void put_bytes(struct buffer *b, const void *bytes, size_t n)
{
    if (b->room - b->size < n) {
        b->room = 2 * b->room + n + 64;
        b->at = realloc(b->at, b->room);
        if (b->at == NULL)
            abort();
    }
    if (n > 0)
        memcpy(b->at + b->size, bytes, n);
    b->size += n;
}

void put_string(struct buffer *b, const char *s)
{
    put_bytes(b, s, strlen(s));
}

void put_uint(struct buffer *b, uint64_t u, int width)
{
    for (int i = 0; i < width; i++)
        put_bytes(b, &(uint8_t){ (uint8_t)(u >> (8 * i)) }, 1);
}

void put_fill(struct buffer *b, uint8_t value, size_t count)
{
    for (size_t i = 0; i < count; i++)
        put_bytes(b, &value, 1);
}

void put_text(struct buffer *b, const char *s)
{
    put_string(b, "X");
    put_uint(b, strlen(s), 4);
    put_string(b, s);
}

void put_int(struct buffer *b, int64_t i)
{
    put_string(b, "\x8a\x08");
    put_uint(b, (uint64_t)i, 8);
}

void put_ints(struct buffer *b, const int64_t *ints, int count)
{
    put_string(b, "(");
    for (int i = 0; i < count; i++)
        put_int(b, ints[i]);
    put_string(b, "t");
}

void put_global(struct buffer *b, const char *module, const char *name)
{
    put_string(b, "c");
    put_string(b, module);
    put_string(b, "\n");
    put_string(b, name);
    put_string(b, "\n");
}

struct spec honest_spec(void)
{
    return (struct spec){ .name = "weight",
                          .storage = "FloatStorage",
                          .key = "0",
                          .elements = 6,
                          .ndim = 2,
                          .shape = { 2, 3 },
                          .stride = { 3, 1 } };
}

void put_tensor_with(struct buffer *b, const struct spec *s, const char *metadata)
{
    put_global(b, "torch._utils", "_rebuild_tensor_v2");
    put_string(b, "((");
    put_text(b, "storage");
    put_global(b, "torch", s->storage);
    put_text(b, s->key);
    put_text(b, "cpu");
    put_int(b, s->elements);
    put_string(b, "tQ"); /* TUPLE, BINPERSID */
    put_int(b, s->offset);
    put_ints(b, s->shape, s->ndim);
    put_ints(b, s->stride, s->ndim);
    put_string(b, "\x89"); /* NEWFALSE: requires_grad */
    put_global(b, "collections", "OrderedDict");
    put_string(b, ")R"); /* hooks */
    if (metadata != NULL) {
        put_string(b, "}");
        put_text(b, metadata);
        put_string(b, "\x88s");
    }
    put_string(b, "tR"); /* the tensor */
}

void put_tensor(struct buffer *b, const struct spec *s)
{
    put_tensor_with(b, s, NULL);
}

void put_entries(struct buffer *b, const struct spec *s, int count)
{
    for (int i = 0; i < count; i++) {
        put_text(b, s[i].name);
        put_tensor(b, &s[i]);
    }
}

void put_state_dict(struct buffer *b, const char *wrapper, const struct spec *s, int count)
{
    put_string(b, "\x80\x02}");
    if (wrapper != NULL) {
        put_text(b, wrapper);
        put_string(b, "}");
    }
    put_string(b, "(");
    put_entries(b, s, count);
    put_string(b, wrapper != NULL ? "us." : "u.");
}

void put_zip(struct buffer *b, const struct member *members, int count)
{
    zip_source_t *source = zip_source_buffer_create(NULL, 0, 0, NULL);
    zip_t *z = zip_open_from_source(source, ZIP_TRUNCATE, NULL);
    if (z == NULL)
        abort();
    zip_source_keep(source);
    for (int i = 0; i < count; i++) {
        const struct member *m = &members[i];
        zip_int64_t n = zip_file_add(z, m->name, zip_source_buffer(z, m->data, m->size, 0), 0);
        if (n < 0)
            abort();
        zip_set_file_compression(z, (zip_uint64_t)n, m->deflate ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0);
    }
    if (zip_close(z) != 0 || zip_source_open(source) != 0)
        abort();
    char block[4096];
    zip_int64_t n;
    while ((n = zip_source_read(source, block, sizeof block)) > 0)
        put_bytes(b, block, (size_t)n);
    zip_source_close(source);
    zip_source_free(source);
}

static void put_counting(struct buffer *b, int elements)
{
    for (int i = 1; i <= elements; i++)
        put_bytes(b, &(float){ (float)i }, sizeof(float));
}

void put_pth(struct buffer *b, const struct buffer *pickle, int elements)
{
    struct buffer storage = { 0 };
    put_counting(&storage, elements);
    const struct member members[] = { { "x/data.pkl", pickle->at, pickle->size, false },
                                      { "x/data/0", storage.at, storage.size, false },
                                      { "x/version", "3\n", 2, false } };
    put_zip(b, members, 3);
    buffer_free(&storage);
}

void put_stream_head(struct buffer *b, int version)
{
    put_bytes(b, "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15);
    put_string(b, "\x80\x02");
    put_int(b, version);
    put_string(b, ".\x80\x02}.");
}

void put_stream_keys(struct buffer *b, const char *const *keys, int count)
{
    put_string(b, "\x80\x02](");
    for (int i = 0; i < count; i++)
        put_text(b, keys[i]);
    put_string(b, "e.");
}

void put_stream_storage(struct buffer *b, uint64_t claimed, int elements)
{
    put_uint(b, claimed, 8);
    put_counting(b, elements);
}

void put_safetensors(struct buffer *b, const char *header, size_t data_size)
{
    put_uint(b, strlen(header), 8);
    put_string(b, header);
    put_fill(b, 0, data_size);
}

int folder_make(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/evalh-checkpoint-XXXXXX");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

int folder_remove(void **state)
{
    (void)state;
    DIR *d = opendir(folder);
    const struct dirent *e;
    char path[400];
    while (d != NULL && (e = readdir(d)) != NULL) {
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        unlink(path);
    }
    if (d != NULL)
        closedir(d);
    return rmdir(folder);
}

const char *folder_write(const char *name, const struct buffer *b)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = b == NULL ? NULL : fopen(path, "wb");
    /* An empty buffer has no bytes to point at, and fwrite wants them even then. */
    const void *bytes = "";
    if (b != NULL && b->at != NULL)
        bytes = b->at;
    if (b != NULL && (f == NULL || fwrite(bytes, 1, b->size, f) != b->size || fclose(f) != 0))
        abort();
    return path;
}
