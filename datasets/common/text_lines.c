#include "text_lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Five times the list of all of ImageNet's training images: anything larger is another file. */
#define MAX_TEXT_BYTES ((off_t)256 << 20)
#define MAX_LINE_BYTES 65536

void trim_end(char *text, size_t length)
{
    while (length > 0 && strchr(" \t\r\n", text[length - 1]) != NULL)
        length--;
    text[length] = '\0';
}

static enum status take_line(char *line, size_t length, size_t number, line_taker take,
                             void *context, struct error *err)
{
    static const char mark[] = "\xef\xbb\xbf"; /* the byte order mark some editors leave */
    if (length > MAX_LINE_BYTES)
        return fail(err, E_CONFIG, "a line of %zu bytes; a text list is wanted", length);
    if (strlen(line) != length)
        return fail(err, E_CONFIG, "a NUL byte; a text list is wanted");
    trim_end(line, length);
    if (number == 1 && strncmp(line, mark, strlen(mark)) == 0)
        line += strlen(mark);
    line += strspn(line, " \t\r");
    return *line == '\0' ? OK : take(context, line, number, err);
}

enum status text_lines_of(FILE *file, const char *source, line_taker take, void *context,
                          struct error *err)
{
    char *line = NULL;
    size_t size = 0;
    enum status status = OK;
    for (size_t number = 1; status == OK; number++) {
        errno = 0;
        ssize_t length = getline(&line, &size, file);
        if (length < 0)
            break;
        status = take_line(line, (size_t)length, number, take, context, err);
        if (status != OK)
            fail_prefix(err, "%s:%zu: ", source, number);
    }
    if (status == OK && !feof(file))
        status = fail(err, E_CONFIG, "%s: cannot read: %s", source, strerror(errno));
    free(line);
    return status;
}

enum status text_lines(const char *path, const char *wanted, line_taker take, void *context,
                       struct error *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return fail(err, E_CONFIG, "%s: cannot open: %s; %s is wanted", path, strerror(errno),
                    wanted);
    if (!S_ISREG(st.st_mode))
        return fail(err, E_CONFIG, "%s: not a file; %s is wanted", path, wanted);
    if (st.st_size > MAX_TEXT_BYTES)
        return fail(err, E_CONFIG, "%s: %lld bytes are too many; %s is wanted", path,
                    (long long)st.st_size, wanted);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return fail(err, E_CONFIG, "%s: cannot open: %s", path, strerror(errno));
    enum status status = text_lines_of(file, path, take, context, err);
    fclose(file);
    return status;
}
