/* libFuzzer target: a JPEG. Its first bytes are ours, so that the input goes to that decoder. */
#include "fuzz_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const uint8_t magic[] = { 0xff, 0xd8, 0xff };
    if (size < sizeof magic)
        return 0;
    uint8_t *copy = malloc(size);
    if (copy == NULL)
        return 0;
    memcpy(copy, bytes, size);
    memcpy(copy, magic, sizeof magic);
    fuzz_image(copy, size);
    free(copy);
    return 0;
}
