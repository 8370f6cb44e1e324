#include "decode.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sizes.h"

enum status image_allocate(struct image *out, size_t width, size_t height, const char *name,
                           struct error *err)
{
    size_t pixels, bytes;
    if (width == 0 || height == 0)
        return fail(err, E_DATA, "%s: a picture of %zu x %zu pixels has none", name, width, height);
    if (width > IMAGE_MAX_SIDE || height > IMAGE_MAX_SIDE || !size_mul(width, height, &pixels) ||
        pixels > IMAGE_MAX_PIXELS || !size_mul(pixels, 3, &bytes))
        return fail(
            err, E_DATA,
            "%s: a picture of %zu x %zu pixels is over the limit of %d a side and %u in all", name,
            width, height, IMAGE_MAX_SIDE, IMAGE_MAX_PIXELS);
    out->rgb = malloc(bytes);
    if (out->rgb == NULL)
        return fail(err, E_NOMEM, "%s: no memory for %zu x %zu pixels", name, width, height);
    out->width = (int)width;
    out->height = (int)height;
    return OK;
}

/* Other formats that occur under names like x.JPEG, by their first bytes. */
static const char *other_format(const uint8_t *bytes, size_t size)
{
    static const struct {
        size_t at, length;
        const char *magic, *name;
    } known[] = {
        { 0, 4, "GIF8", "GIF" },
        { 8, 4, "WEBP", "WebP" },
        { 0, 2, "BM", "BMP" },
        { 0, 4, "II*\0", "TIFF" },
        { 0, 4, "MM\0*", "TIFF" },
        { 4, 8, "ftypavif", "AVIF" },
        { 4, 8, "ftypheic", "HEIC" },
        { 4, 8, "ftypmif1", "HEIF" },
        { 4, 4, "jP  ", "JPEG 2000" },
        { 0, 4, "\xff\x4f\xff\x51", "JPEG 2000" },
        { 0, 2, "\xff\x0a", "JPEG XL" },
        { 4, 4, "JXL ", "JPEG XL" },
        { 0, 4, "8BPS", "Photoshop" },
        { 0, 5, "%PDF-", "PDF" },
        { 0, 14, "<!DOCTYPE html", "HTML" },
        { 0, 5, "<html", "HTML" },
        { 0, 5, "<?xml", "XML" },
        { 0, 2, "\x1f\x8b", "gzip" },
        { 0, 4, "PK\3\4", "zip" },
        { 0, 8, "version ", "Git LFS pointer or text" },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (size >= known[i].at + known[i].length &&
            memcmp(bytes + known[i].at, known[i].magic, known[i].length) == 0)
            return known[i].name;
    return NULL;
}

enum status image_decode(const uint8_t *bytes, size_t size, const char *name, struct image *out,
                         struct error *err)
{
    static const uint8_t png_magic[8] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' };
    *out = (struct image){ 0 };
    if (size >= sizeof png_magic && memcmp(bytes, png_magic, sizeof png_magic) == 0)
        return png_decode(bytes, size, name, out, err);
    if (size >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff)
        return jpeg_decode(bytes, size, name, out, err);
    if (size == 0)
        return fail(err, E_DATA, "%s: the file is empty; a JPEG or PNG is wanted", name);
    const char *other = other_format(bytes, size);
    if (other != NULL)
        return fail(err, E_DATA,
                    "%s: %s by its first bytes, whatever its name; JPEG or PNG is wanted", name,
                    other);
    return fail(err, E_DATA,
                "%s: neither a JPEG (ff d8 ff) nor a PNG (89 P N G) by its first bytes", name);
}

/* Reads the whole file into memory. Of a file that shrinks meanwhile a part is read, which the
 * decoder then refuses. */
static enum status read_file(const char *path, uint8_t **bytes, size_t *size, struct error *err)
{
    struct stat st;
    /* If the name is a pipe, a plain open would wait for a writer, possibly for ever. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return fail(err, E_IO, "%s: cannot open: %s", path, strerror(errno));
    uint8_t *buffer = NULL;
    size_t want, have = 0;
    enum status status = OK;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        status = fail(err, E_IO, "%s: not a regular file", path);
        goto out;
    }
    if ((uint64_t)st.st_size > IMAGE_MAX_BYTES) {
        status = fail(err, E_DATA, "%s: %lld bytes, over the limit of %zu for one picture", path,
                      (long long)st.st_size, IMAGE_MAX_BYTES);
        goto out;
    }
    want = (size_t)st.st_size;
    buffer = malloc(want > 0 ? want : 1);
    if (buffer == NULL) {
        status = fail(err, E_NOMEM, "%s: no memory for its %zu bytes", path, want);
        goto out;
    }
    while (have < want) {
        ssize_t n = read(fd, buffer + have, want - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            status = fail(err, E_IO, "%s: cannot read: %s", path, strerror(errno));
            goto out;
        }
        if (n == 0)
            break;
        have += (size_t)n;
    }
    *bytes = buffer;
    *size = have;
    buffer = NULL;
out:
    free(buffer);
    close(fd);
    return status;
}

enum status image_read(const char *path, struct image *out, struct error *err)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    *out = (struct image){ 0 };
    TRY(read_file(path, &bytes, &size, err));
    enum status status = image_decode(bytes, size, path, out, err);
    free(bytes);
    return status;
}

void image_free(struct image *image)
{
    free(image->rgb);
    *image = (struct image){ 0 };
}
