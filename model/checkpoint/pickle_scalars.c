/* Operations that push a number or a text. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"

static enum status push_int(struct machine *m, enum value_kind kind, int64_t i)
{
    struct value *v = value_new(m->heap, kind);
    if (v != NULL)
        v->as.integer = i;
    return machine_push(m, v);
}

static enum status push_text(struct machine *m, enum value_kind kind, struct bytes text)
{
    struct value *v = value_new(m->heap, kind);
    if (v != NULL)
        v->as.text = text;
    return machine_push(m, v);
}

enum status op_proto(struct machine *m, int op)
{
    uint64_t version;
    (void)op;
    TRY(machine_take_uint(m, 1, &version));
    if (version > 5)
        return machine_fail(m, "pickle protocol %d; 0 to 5 are read", (int)version);
    return OK;
}

enum status op_frame(struct machine *m, int op)
{
    uint64_t size;
    (void)op;
    TRY(machine_take_uint(m, 8, &size));
    if (size > m->size - m->at)
        return machine_fail(m, "truncated: a frame of %llu bytes, %zu are left",
                            (unsigned long long)size, m->size - m->at);
    return OK;
}

enum status op_constant(struct machine *m, int op)
{
    if (op == 'N')
        return machine_push(m, value_new(m->heap, VALUE_NONE));
    return push_int(m, VALUE_BOOL, op == 0x88);
}

enum status op_int(struct machine *m, int op)
{
    uint64_t u;
    TRY(machine_take_uint(m, op == 'J' ? 4 : op == 'M' ? 2 : 1, &u));
    return push_int(m, VALUE_INT, op == 'J' ? (int32_t)(uint32_t)u : (int64_t)u);
}

enum status op_long(struct machine *m, int op)
{
    uint64_t size, bits = 0;
    const uint8_t *p;
    TRY(machine_take_uint(m, op == 0x8a ? 1 : 4, &size));
    TRY(machine_take(m, (size_t)size, &p));
    if (size > 8)
        return push_text(m, VALUE_LONG, (struct bytes){ (const char *)p, (size_t)size });
    for (size_t i = 0; i < 8; i++) {
        uint8_t sign = size > 0 && p[size - 1] >= 0x80 ? 0xff : 0;
        bits |= (uint64_t)(i < size ? p[i] : sign) << (8 * i);
    }
    return push_int(m, VALUE_INT, (int64_t)bits);
}

enum status op_float(struct machine *m, int op)
{
    const uint8_t *p;
    uint64_t bits = 0;
    (void)op;
    TRY(machine_take(m, 8, &p));
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | p[i];
    struct value *v = value_new(m->heap, VALUE_FLOAT);
    if (v != NULL)
        memcpy(&v->as.real, &bits, sizeof bits);
    return machine_push(m, v);
}

/* INT, LONG, FLOAT of protocol 0: decimal text. */
enum status op_number_line(struct machine *m, int op)
{
    struct bytes line;
    char text[40], *end;
    TRY(machine_take_line(m, &line));
    if (op == 'I' && (bytes_equal(line, "00") || bytes_equal(line, "01")))
        return push_int(m, VALUE_BOOL, line.at[1] == '1');
    if (line.size == 0 || line.size >= sizeof text)
        return machine_fail(m, "a number of %zu characters", line.size);
    memcpy(text, line.at, line.size);
    text[line.size] = '\0';
    if (op == 'L' && text[line.size - 1] == 'L')
        text[--line.size] = '\0';
    errno = 0;
    struct value v = { .kind = op == 'F' ? VALUE_FLOAT : VALUE_INT };
    if (op == 'F')
        v.as.real = strtod(text, &end);
    else
        v.as.integer = strtoll(text, &end, 10);
    if (*end != '\0' || end == text || (op != 'F' && errno == ERANGE))
        return machine_fail(m, "\"%s\" is not a number that is read", quote(text).text);
    struct value *p = value_new(m->heap, v.kind);
    if (p != NULL)
        *p = v;
    return machine_push(m, p);
}

enum status op_text(struct machine *m, int op)
{
    size_t width = op == 'X' || op == 'T' || op == 'B' ? 4 : 1;
    enum value_kind kind = VALUE_STRING;
    uint64_t size;
    const uint8_t *p;
    if (op == 0x8d || op == 0x8e || op == 0x96)
        width = 8;
    if (op == 'B' || op == 'C' || op == 0x8e || op == 0x96)
        kind = VALUE_BYTES;
    TRY(machine_take_uint(m, width, &size));
    TRY(machine_take(m, size, &p));
    return push_text(m, kind, (struct bytes){ (const char *)p, size });
}

/* UNICODE and STRING of protocol 0. Escapes stay as they are: no tensor's name has any. */
enum status op_text_line(struct machine *m, int op)
{
    struct bytes line;
    TRY(machine_take_line(m, &line));
    if (op == 'S') {
        if (line.size < 2 || line.at[0] != line.at[line.size - 1])
            return machine_fail(m, "a string without quotes");
        line.at++;
        line.size -= 2;
    }
    return push_text(m, VALUE_STRING, line);
}
