#include "npy.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "open_file.h"

enum { HEADER_MOST = 4096, PREFIX = 10 }; /* magic, version, length of the header (version 1) */

struct header {
    bool wide; /* float64 */
    size_t rows, columns;
};

static const char *after(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    return at != NULL ? at + strlen(key) : NULL;
}

/* "{'descr': '<f4', 'fortran_order': False, 'shape': (14, 14), }" */
static bool parse(const char *text, struct header *h)
{
    const char *descr = after(text, "'descr':"), *order = after(text, "'fortran_order':");
    const char *shape = after(text, "'shape':");
    unsigned long long rows, columns;
    int read = 0;
    if (descr == NULL || order == NULL || shape == NULL)
        return false;
    descr += strspn(descr, " ");
    order += strspn(order, " ");
    if (strncmp(order, "False", 5) != 0)
        return false;
    if (strncmp(descr, "'<f4'", 5) != 0 && strncmp(descr, "'<f8'", 5) != 0)
        return false;
    h->wide = descr[3] == '8';
    if (sscanf(shape, " (%llu, %llu%n", &rows, &columns, &read) != 2)
        return false;
    shape += read;
    shape += *shape == ',' ? 1 + strspn(shape + 1, " ") : 0;
    if (*shape != ')') /* a third dimension, say */
        return false;
    h->rows = (size_t)rows;
    h->columns = (size_t)columns;
    return true;
}

/* Reads the header and leaves the file at its first value. */
static bool read_header(FILE *f, struct header *h)
{
    unsigned char start[PREFIX + 2];
    char text[HEADER_MOST + 1];
    if (fread(start, 1, PREFIX, f) != PREFIX || memcmp(start, "\x93NUMPY", 6) != 0)
        return false;
    size_t length = start[8] | (size_t)start[9] << 8;
    if (start[6] == 2 || start[6] == 3) { /* a length of four bytes */
        if (fread(start + PREFIX, 1, 2, f) != 2)
            return false;
        length |= (size_t)start[10] << 16 | (size_t)start[11] << 24;
    } else if (start[6] != 1) {
        return false;
    }
    if (length > HEADER_MOST || fread(text, 1, length, f) != length)
        return false;
    text[length] = '\0';
    return strlen(text) == length && parse(text, h);
}

static void widen(double *to, const void *from, size_t count, bool wide)
{
    const char *at = from;
    for (size_t i = 0; i < count; i++) {
        float narrow;
        if (wide) {
            memcpy(&to[i], at + i * sizeof to[i], sizeof to[i]);
            continue;
        }
        memcpy(&narrow, at + i * sizeof narrow, sizeof narrow);
        to[i] = (double)narrow;
    }
}

static enum status read_values(FILE *f, const char *path, size_t most, double **out,
                               struct header *h, struct error *err)
{
    struct stat about;
    if (!read_header(f, h))
        return fail(err, E_DATA,
                    "%s: is no array of two dimensions in float32 or float64, little endian, in C "
                    "order (numpy.save of such an array makes one)",
                    path);
    if (h->rows == 0 || h->columns == 0 || h->rows > most || h->columns > most)
        return fail(err, E_DATA, "%s: an array of %zu x %zu; maps are from 1 x 1 to %zu x %zu",
                    path, h->rows, h->columns, most, most);
    size_t count = h->rows * h->columns, bytes = count * (h->wide ? 8 : 4);
    long at = ftell(f);
    if (at < 0 || fstat(fileno(f), &about) != 0 || about.st_size - at != (off_t)bytes)
        return fail(err, E_DATA, "%s: holds other than the %zu bytes that %zu x %zu values need",
                    path, bytes, h->rows, h->columns);
    void *raw = malloc(bytes);
    *out = malloc(count * sizeof **out);
    enum status status = OK;
    if (raw == NULL || *out == NULL)
        status = fail(err, E_NOMEM, "%s: out of memory", path);
    else if (fread(raw, 1, bytes, f) != bytes)
        status = fail(err, E_IO, "%s: cannot be read: %s", path, strerror(errno));
    else
        widen(*out, raw, count, h->wide);
    free(raw);
    if (status != OK) {
        free(*out);
        *out = NULL;
    }
    return status;
}

enum status npy_read(const char *path, size_t most, double **out, size_t *rows, size_t *columns,
                     struct error *err)
{
    struct header h = { 0 };
    *out = NULL;
    FILE *f;
    TRY(open_file(path, "a map (.npy)", &f, err));
    enum status status = read_values(f, path, most, out, &h, err);
    fclose(f);
    *rows = h.rows;
    *columns = h.columns;
    return status;
}

enum status npy_write(const char *path, const float *values, size_t rows, size_t columns,
                      struct error *err)
{
    enum { ALIGN = 64 };
    char part[4200], text[256];
    int n =
        snprintf(text, sizeof text,
                 "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, %zu), }", rows, columns);
    size_t length = ((size_t)n + 1 + PREFIX + ALIGN - 1) / ALIGN * ALIGN - PREFIX;
    snprintf(part, sizeof part, "%s.part", path);
    FILE *f = fopen(part, "wb");
    if (f == NULL)
        return fail(err, E_IO, "%s: cannot be written: %s", part, strerror(errno));
    fwrite("\x93NUMPY\x01\x00", 1, 8, f);
    fputc((int)(length & 255), f);
    fputc((int)(length >> 8), f);
    fprintf(f, "%-*s\n", (int)length - 1, text);
    fwrite(values, sizeof *values, rows * columns, f);
    bool bad = ferror(f) != 0;
    bad |= fclose(f) != 0;
    if (!bad && rename(part, path) == 0)
        return OK;
    unlink(part);
    return fail(err, E_IO, "%s: cannot be written: %s", path, strerror(errno));
}
