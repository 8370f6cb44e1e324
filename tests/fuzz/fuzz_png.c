/* libFuzzer target: a PNG. The checksums of its chunks are put right, so that mutations do not have
 * to guess them. An input that begins with 'R' is an IHDR's 13 bytes, then the picture's rows as
 * they are, which are then packed; a palette and transparency are always there. */
#include <zlib.h>

#include "archives.h"
#include "fuzz_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const uint8_t magic[8] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' };

static void store32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static uint32_t load32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void mend(uint8_t *png, size_t size)
{
    for (size_t at = sizeof magic; at + 12 <= size;) {
        size_t length = load32(png + at);
        if (length > size - at - 12)
            break;
        store32(png + at + 8 + length, (uint32_t)crc32(0, png + at + 4, (uInt)length + 4));
        at += 12 + length;
    }
}

static void put_chunk(struct bytes *b, const char *type, const uint8_t *data, size_t size)
{
    uint8_t word[4];
    store32(word, (uint32_t)size);
    bytes_put(b, word, 4);
    bytes_put(b, type, 4);
    bytes_put(b, data, size);
    bytes_put(b, "\0\0\0", 4);
}

static void put_rows(struct bytes *b, const uint8_t *bytes, size_t size)
{
    static const uint8_t palette[12] = { 1, 2, 3, 40, 50, 60, 255, 0, 9, 7, 7, 7 };
    static const uint8_t alpha[4] = { 0, 100, 255, 3 };
    uLongf packed = compressBound(size - 13);
    uint8_t *rows = malloc(packed);
    if (rows == NULL || compress(rows, &packed, bytes + 13, size - 13) != Z_OK)
        abort();
    bytes_put(b, magic, sizeof magic);
    put_chunk(b, "IHDR", bytes, 13);
    if (bytes[9] & 2) /* only colour may have one */
        put_chunk(b, "PLTE", palette, sizeof palette);
    put_chunk(b, "tRNS", alpha, bytes[9] == 3 ? 4 : 2);
    put_chunk(b, "IDAT", rows, packed);
    put_chunk(b, "IEND", NULL, 0);
    free(rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct bytes b = { 0 };
    if (size > 14 && bytes[0] == 'R') {
        put_rows(&b, bytes + 1, size - 1);
    } else if (size >= sizeof magic) {
        bytes_put(&b, bytes, size);
        memcpy(b.at, magic, sizeof magic);
    }
    if (b.size > 0) {
        mend(b.at, b.size);
        uint8_t *exact = malloc(b.size);
        if (exact == NULL)
            abort();
        memcpy(exact, b.at, b.size);
        fuzz_image(exact, b.size);
        free(exact);
    }
    bytes_free(&b);
    return 0;
}
