/* libFuzzer target. The first byte says what the rest is: 'Z' data.pkl of an archive with correct
 * checksums and one storage, 'S' what follows the head of an old stream (object, keys, storages),
 * anything else ('P' of "PK") a whole file. */
#include "fixtures.h"
#include "fuzz_checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct buffer rest = { 0 }, b = { 0 };
    if (size == 0 || (bytes[0] != 'Z' && bytes[0] != 'S')) {
        fuzz_parse(bytes, size);
        return 0;
    }
    put_bytes(&rest, bytes + 1, size - 1);
    if (bytes[0] == 'Z') {
        put_pth(&b, &rest, 6);
    } else {
        put_stream_head(&b, 1001);
        put_bytes(&b, rest.at, rest.size);
    }
    fuzz_parse(b.at, b.size);
    buffer_free(&rest);
    buffer_free(&b);
    return 0;
}
