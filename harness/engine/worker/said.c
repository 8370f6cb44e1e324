#include "said.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

static void keep(struct worker_stderr *s, const char *bytes, size_t count)
{
    if (count > WORKER_TAIL) {
        bytes += count - WORKER_TAIL;
        count = WORKER_TAIL;
    }
    size_t stay = s->filled + count > WORKER_TAIL ? WORKER_TAIL - count : s->filled;
    memmove(s->tail, s->tail + s->filled - stay, stay);
    memcpy(s->tail + stay, bytes, count);
    s->filled = stay + count;
}

static void pass_on(struct worker_stderr *s, const char *bytes, size_t count)
{
    size_t room = WORKER_PASSED_ON - s->passed, part = count < room ? count : room;
    for (size_t done = 0; done < part;) {
        ssize_t n = write(STDERR_FILENO, bytes + done, part - done);
        if (n < 0 && errno != EINTR)
            break; /* our standard error is closed */
        done += n > 0 ? (size_t)n : 0;
    }
    s->passed += part;
    if (part == count || s->dropped)
        return;
    s->dropped = true;
    log_warn("the worker has written %d MiB to standard error; what follows is dropped",
             WORKER_PASSED_ON >> 20);
}

void worker_stderr_take(struct worker_stderr *s)
{
    enum { AT_ONCE = 4 << 20 }; /* then the other descriptors have their turn */
    char bytes[1 << 16];
    for (size_t taken = 0; s->fd >= 0 && taken < AT_ONCE;) {
        ssize_t n = read(s->fd, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return;
        if (n == 0) {
            worker_stderr_close(s);
            return;
        }
        taken += (size_t)n;
        pass_on(s, bytes, (size_t)n);
        keep(s, bytes, (size_t)n);
    }
}

void worker_stderr_close(struct worker_stderr *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

/* Length of the UTF-8 character at bytes[0]; 0: none starts here. */
static size_t utf8_length(const char *bytes, size_t count)
{
    const uint8_t *b = (const uint8_t *)bytes;
    size_t length = b[0] < 0x80       ? 1
                    : b[0] >> 5 == 6  ? 2
                    : b[0] >> 4 == 14 ? 3
                    : b[0] >> 3 == 30 ? 4
                                      : 0;
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    if (length == 0 || length > count)
        return 0;
    uint32_t code = length == 1 ? b[0] : b[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if (b[i] >> 6 != 2)
            return 0;
        code = code << 6 | (b[i] & 0x3fu);
    }
    bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);
    bool no_character = code > 0x10ffff || (code >= 0xd800 && code < 0xe000);
    return code < least[length] || control || no_character ? 0 : length;
}

const char *worker_show(const char *bytes, size_t count, char *out, size_t size)
{
    enum { DOTS = 3, ESCAPE = 4 };
    size_t at = 0;
    for (size_t i = 0; i < count;) {
        size_t length = utf8_length(bytes + i, count - i), need = length > 0 ? length : ESCAPE;
        if (at + need + DOTS >= size) {
            snprintf(out + at, size - at, "...");
            return out;
        }
        if (length > 0)
            memcpy(out + at, bytes + i, length);
        else
            snprintf(out + at, size - at, "\\x%02x", (unsigned)(uint8_t)bytes[i]);
        at += need;
        i += length > 0 ? length : 1;
    }
    out[at] = '\0';
    return out;
}

void worker_stderr_quote(const struct worker_stderr *s, struct error *err)
{
    enum { LINES = 6, WIDTH = 120, PREFIX = 200 /* what others put in front */ };
    static const char lead[] = "\nits last lines of standard error:";
    const char *starts[LINES], *ends[LINES];
    size_t used = strlen(err->text) + PREFIX, cost = sizeof lead;
    size_t room = used < sizeof err->text ? sizeof err->text - used : 0;
    int count = 0;
    /* Takes as many lines as fit, from the last one upwards. */
    for (const char *end = s->tail + s->filled; count < LINES && end > s->tail;) {
        const char *start = end - 1;
        while (start > s->tail && start[-1] != '\n' && start[-1] != '\r')
            start--;
        const char *stop = end[-1] == '\n' || end[-1] == '\r' ? end - 1 : end;
        size_t bytes = (size_t)(stop - start), most = 4 * bytes < WIDTH ? 4 * bytes : WIDTH;
        if (bytes > 0) {
            if (cost + most + 6 > room)
                break;
            cost += most + 6;
            starts[count] = start;
            ends[count++] = stop;
        }
        end = start;
    }
    char *at = err->text + strlen(err->text), *end = err->text + sizeof err->text, shown[WIDTH];
    if (count > 0)
        at += snprintf(at, (size_t)(end - at), "%s", lead);
    while (count-- > 0)
        at += snprintf(
            at, (size_t)(end - at), "\n    %s",
            worker_show(starts[count], (size_t)(ends[count] - starts[count]), shown, sizeof shown));
}
