/* libFuzzer target: the devkit's meta.mat. An input that begins with 'E' is what follows the file's
 * header, one that begins with 'Z' the same, which is then packed. */
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "archives.h"
#include "mat5.h"
#include "synsets.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void parse(const uint8_t *bytes, size_t size)
{
    struct synsets s;
    struct error err = { 0 };
    enum status status = synsets_parse(bytes, size, "fuzz", &s, &err);
    if (status != OK) {
        if (s.class_of != NULL || status != E_CONFIG || strncmp(err.text, "fuzz: ", 6) != 0)
            abort();
        return;
    }
    size_t leaves = 0;
    for (size_t i = 0; i < s.ids; i++) {
        if (s.class_of[i] < -1 || s.class_of[i] >= (int32_t)s.classes)
            abort();
        leaves += s.class_of[i] >= 0;
    }
    if (leaves != s.classes || leaves == 0)
        abort();
    synsets_free(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct bytes b = { 0 };
    uint8_t head[MAT5_HEADER] = { 0 };
    if (size == 0 || (bytes[0] != 'E' && bytes[0] != 'Z')) {
        parse(bytes, size);
        return 0;
    }
    memcpy(head + 124, "\0\1IM", 4);
    bytes_put(&b, head, sizeof head);
    if (bytes[0] == 'Z') {
        uLongf packed = compressBound(size - 1);
        uint8_t *memory = malloc(packed);
        if (memory == NULL || compress(memory, &packed, bytes + 1, size - 1) != Z_OK)
            abort();
        const uint8_t tag[8] = {
            15, 0, 0, 0, (uint8_t)packed, (uint8_t)(packed >> 8), (uint8_t)(packed >> 16), 0
        };
        bytes_put(&b, tag, sizeof tag);
        bytes_put(&b, memory, packed);
        free(memory);
    } else {
        bytes_put(&b, bytes + 1, size - 1);
    }
    parse(b.at, b.size);
    bytes_free(&b);
    return 0;
}
