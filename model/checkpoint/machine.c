/* The pickle machine's input and stack. */
#include "machine.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sizes.h"

/* An honest checkpoint batches long containers by 1000. */
#define MAX_STACK ((size_t)1 << 20)

enum status machine_fail(struct machine *m, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return fail(m->err, E_DATA, "%s, byte %zu: %s", m->what, m->op_at, text);
}

enum status machine_full(struct machine *m)
{
    if (m->heap->used < HEAP_MAX / 2)
        return fail(m->err, E_NOMEM, "%s: no memory for its objects", m->what);
    return machine_fail(m, "its objects take more than %zu bytes, the most that is allowed",
                        HEAP_MAX);
}

enum status machine_take(struct machine *m, size_t n, const uint8_t **out)
{
    if (n > m->size - m->at)
        return machine_fail(m, "truncated: %zu bytes are due, %zu are left", n, m->size - m->at);
    *out = m->bytes + m->at;
    m->at += n;
    return OK;
}

enum status machine_take_uint(struct machine *m, size_t width, uint64_t *out)
{
    const uint8_t *p;
    TRY(machine_take(m, width, &p));
    *out = 0;
    for (size_t i = 0; i < width; i++)
        *out |= (uint64_t)p[i] << (8 * i);
    return OK;
}

enum status machine_take_line(struct machine *m, struct bytes *out)
{
    const uint8_t *p = m->bytes + m->at;
    const uint8_t *end = memchr(p, '\n', m->size - m->at);
    if (end == NULL)
        return machine_fail(m, "truncated: a line without an end");
    *out = (struct bytes){ (const char *)p, (size_t)(end - p) };
    m->at += out->size + 1;
    return OK;
}

enum status machine_push(struct machine *m, struct value *v)
{
    if (v == NULL)
        return machine_full(m);
    if (m->count == MAX_STACK)
        return machine_fail(m, "more than %zu values on the stack", MAX_STACK);
    if (!grow_array(&m->stack, &m->room, m->count, sizeof(struct value *)))
        return fail(m->err, E_NOMEM, "%s: no memory for its stack", m->what);
    m->stack[m->count++] = v;
    return OK;
}

enum status machine_pop(struct machine *m, struct value **out)
{
    if (m->count == (m->mark_count > 0 ? m->marks[m->mark_count - 1] : 0))
        return machine_fail(m, "takes a value from an empty stack");
    *out = m->stack[--m->count];
    return OK;
}

enum status machine_top(struct machine *m, struct value **out)
{
    TRY(machine_pop(m, out));
    m->count++;
    return OK;
}

enum status machine_pop_mark(struct machine *m, size_t *n)
{
    if (m->mark_count == 0)
        return machine_fail(m, "takes a mark that was never set");
    size_t height = m->marks[--m->mark_count];
    *n = m->count - height;
    m->count = height;
    return OK;
}
