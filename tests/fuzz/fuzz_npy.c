/* libFuzzer target: a map as a .npy file. Where the first byte is 'H' the header's length is put
 * right and the data cut or filled to what it says, so that mutations need not guess either. */
#include <stdbool.h>
#include <string.h>

#include "memory_file.h"
#include "npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { MOST = 64, START = 10, DATA_MOST = MOST * MOST * 8 };

/* The header's text is what comes before the first zero byte; values follow. */
static size_t whole_file(const uint8_t *bytes, size_t size, uint8_t *out)
{
    const uint8_t *end = memchr(bytes, 0, size);
    size_t text = end != NULL ? (size_t)(end - bytes) : size;
    size_t rows = 0, columns = 0, width = memmem(bytes, text, "<f8", 3) != NULL ? 8 : 4;
    char copy[4096] = "";
    memcpy(copy, bytes, text < sizeof copy ? text : sizeof copy - 1);
    const char *shape = strchr(copy, '(');
    if (shape != NULL)
        sscanf(shape, "(%zu, %zu", &rows, &columns);
    size_t data = rows <= MOST && columns <= MOST ? rows * columns * width : 0;
    memcpy(out, "\x93NUMPY\x01\x00", 8);
    out[8] = (uint8_t)text;
    out[9] = (uint8_t)(text >> 8);
    memcpy(out + START, bytes, text);
    for (size_t i = 0; i < data; i++)
        out[START + text + i] = text + 1 + i < size ? bytes[text + 1 + i] : (uint8_t)i;
    return START + text + data;
}

static void check(const char *path, enum status status, const double *values, size_t rows,
                  size_t columns, const struct error *err)
{
    if (status != OK && (values != NULL || status != err->code || status == E_NOMEM ||
                         strncmp(err->text, path, strlen(path)) != 0))
        abort();
    if (status == OK &&
        (values == NULL || rows < 1 || rows > MOST || columns < 1 || columns > MOST))
        abort();
    volatile double last = status == OK ? values[rows * columns - 1] : 0;
    (void)last;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    uint8_t *made = malloc(START + size + DATA_MOST);
    struct error err = { 0 };
    double *values;
    size_t rows, columns;
    if (made == NULL)
        abort();
    bool mended = size > 0 && bytes[0] == 'H' && size < UINT16_MAX;
    size_t made_size = mended ? whole_file(bytes + 1, size - 1, made) : size;
    struct memory_file f = memory_file(mended ? made : bytes, made_size);
    enum status status = npy_read(f.path, MOST, &values, &rows, &columns, &err);
    check(f.path, status, values, rows, columns, &err);
    free(values);
    memory_file_close(&f);
    free(made);
    return 0;
}
