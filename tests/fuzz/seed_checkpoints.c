/* seed_checkpoints FOLDER: writes the seeds of the checkpoint targets to FOLDER/pth and
 * FOLDER/safetensors, which must exist. */
#include <stdio.h>
#include <stdlib.h>

#include "fixtures.h"

static void save(const char *folder, const char *name, char first, struct buffer *b)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    if (f == NULL || (first != '\0' && fputc(first, f) == EOF) ||
        fwrite(b->at, 1, b->size, f) != b->size || fclose(f) != 0) {
        perror(path);
        exit(1);
    }
    buffer_free(b);
}

static void seed_pth(const char *folder)
{
    const char *const keys[] = { "0" };
    const struct spec specs[] = {
        { "module.a", "FloatStorage", "0", 6, 0, 2, { 3, 2 }, { 1, 3 } },
        { "module.b", "FloatStorage", "0", 6, 2, 1, { 2 }, { 1 } },
        { "module.c", "FloatStorage", "0", 6, 5, 0, { 0 }, { 0 } },
    };
    const char *const wrappers[] = { NULL, "model", "state_dict", "model_ema" };
    for (int i = 0; i < 4; i++) {
        struct buffer p = { 0 }, zip = { 0 }, stream = { 0 };
        char name[40];
        put_state_dict(&p, wrappers[i], specs, 3);
        put_pth(&zip, &p, 6);
        put_bytes(&stream, p.at, p.size);
        put_stream_keys(&stream, keys, 1);
        put_stream_storage(&stream, 6, 6);
        snprintf(name, sizeof name, "pickle%d", i);
        save(folder, name, 'Z', &p);
        snprintf(name, sizeof name, "zip%d", i);
        save(folder, name, '\0', &zip);
        snprintf(name, sizeof name, "stream%d", i);
        save(folder, name, 'S', &stream);
    }
}

static void seed_safetensors(const char *folder)
{
    static const char *const entries[] = {
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]}}",
        "{\"a\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[4,8]},"
        "\"b\":{\"dtype\":\"BF16\",\"shape\":[],\"data_offsets\":[0,2]},"
        "\"c\":{\"dtype\":\"U8\",\"shape\":[2,1],\"data_offsets\":[2,4]}}",
        "{\"__metadata__\":{\"format\":\"pt\"},"
        "\"e\":{\"dtype\":\"F64\",\"shape\":[0,3],\"data_offsets\":[0,0]},"
        "\"d\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]}}  ",
    };
    for (int i = 0; i < 3; i++) {
        struct buffer b = { 0 };
        char name[40];
        put_string(&b, entries[i]);
        put_fill(&b, 0, 1 + 8); /* the NUL that ends the header, then the data */
        snprintf(name, sizeof name, "header%d", i);
        save(folder, name, '\0', &b);
    }
    struct buffer whole = { 0 };
    put_safetensors(&whole, entries[0], 8);
    save(folder, "whole", '\xff', &whole);
}

int main(int argc, char **argv)
{
    char path[900];
    if (argc != 2) {
        fprintf(stderr, "usage: seed_checkpoints FOLDER\n");
        return 2;
    }
    snprintf(path, sizeof path, "%s/pth", argv[1]);
    seed_pth(path);
    snprintf(path, sizeof path, "%s/safetensors", argv[1]);
    seed_safetensors(path);
    return 0;
}
