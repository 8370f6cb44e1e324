/* libFuzzer target. The input is the JSON header, then a NUL, then the data; the length in front
 * is ours, so that mutations do not have to guess it. An input that begins with 0xff is the whole
 * file as it is. */
#include "fixtures.h"
#include "fuzz_checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct buffer b = { 0 };
    const uint8_t *end = size == 0 ? NULL : memchr(bytes, '\0', size);
    const size_t header = end == NULL ? size : (size_t)(end - bytes);
    if (size > 0 && bytes[0] == 0xff) {
        fuzz_parse(bytes + 1, size - 1);
        return 0;
    }
    put_uint(&b, header, 8);
    put_bytes(&b, bytes, header);
    if (end != NULL)
        put_bytes(&b, end + 1, size - header - 1);
    fuzz_parse(b.at, b.size);
    buffer_free(&b);
    return 0;
}
