/* The pickle machine: opcodes as in CPython's Lib/pickletools.py, which documents each of them. */
#include "pickle.h"

#include <string.h>

#include "free_all.h"
#include "machine.h"
#include "sizes.h"

/* An honest checkpoint nests a handful of levels and puts some thousand values. */
#define MAX_MARKS ((size_t)10000)
#define MAX_MEMO ((size_t)1 << 22)

/* Containers */

static enum status op_empty(struct machine *m, int op)
{
    return machine_push(m, value_new(m->heap, op == '}'   ? VALUE_DICT
                                              : op == ')' ? VALUE_TUPLE
                                                          : VALUE_LIST));
}

/* A new container of the n values that were just popped. */
static enum status collect(struct machine *m, enum value_kind kind, size_t n)
{
    struct value *v = value_new(m->heap, kind);
    if (v == NULL)
        return machine_full(m);
    if (kind == VALUE_DICT && n % 2 != 0)
        return machine_fail(m, "a dict of %zu keys and values: one has no partner", n);
    if (n > 0) {
        v->as.list.items = heap_take(m->heap, n * sizeof(struct value *));
        if (v->as.list.items == NULL)
            return machine_full(m);
        memcpy(v->as.list.items, m->stack + m->count, n * sizeof(struct value *));
        v->as.list.count = v->as.list.room = n;
    }
    return machine_push(m, v);
}

static enum status op_collect(struct machine *m, int op)
{
    size_t n;
    TRY(machine_pop_mark(m, &n));
    return collect(m, op == 't' ? VALUE_TUPLE : op == 'd' ? VALUE_DICT : VALUE_LIST, n);
}

static enum status op_tuple(struct machine *m, int op)
{
    struct value *v;
    size_t n = (size_t)(op - 0x84); /* TUPLE1 .. TUPLE3 */
    for (size_t i = 0; i < n; i++)
        TRY(machine_pop(m, &v));
    return collect(m, VALUE_TUPLE, n);
}

/* Adds the n values that were just popped to the container below them. */
static enum status add(struct machine *m, enum value_kind kind, size_t n)
{
    struct value *to;
    size_t height = m->count;
    TRY(machine_top(m, &to));
    if (to->kind == VALUE_OPAQUE || to->kind == VALUE_GLOBAL)
        return OK; /* swallowed */
    if (to->kind != kind)
        return machine_fail(m, "adds items to %s; %s is due", value_kind_name(to->kind),
                            value_kind_name(kind));
    if (kind == VALUE_DICT && n % 2 != 0)
        return machine_fail(m, "adds %zu keys and values to a dict: one has no partner", n);
    for (size_t i = 0; i < n; i++) {
        if (!value_push(m->heap, to, m->stack[height + i]))
            return machine_full(m);
    }
    return OK;
}

static enum status op_add(struct machine *m, int op)
{
    size_t n = op == 'a' ? 1 : 2;
    enum value_kind kind = op == 's' || op == 'u' ? VALUE_DICT : VALUE_LIST;
    struct value *v;
    if (op != 'a' && op != 's') { /* APPENDS, SETITEMS, ADDITEMS */
        TRY(machine_pop_mark(m, &n));
        return add(m, kind, n);
    }
    for (size_t i = 0; i < n; i++)
        TRY(machine_pop(m, &v));
    return add(m, kind, n);
}

/* Stack and memo */

static enum status op_mark(struct machine *m, int op)
{
    (void)op;
    if (m->mark_count == MAX_MARKS)
        return machine_fail(m, "nested more than %zu levels deep", MAX_MARKS);
    if (!grow_array(&m->marks, &m->mark_room, m->mark_count, sizeof *m->marks))
        return fail(m->err, E_NOMEM, "%s: no memory for its marks", m->what);
    m->marks[m->mark_count++] = m->count;
    return OK;
}

static enum status op_pop(struct machine *m, int op)
{
    struct value *v;
    size_t n;
    if (op == '1' || (m->mark_count > 0 && m->marks[m->mark_count - 1] == m->count))
        return machine_pop_mark(m, &n);
    return machine_pop(m, &v);
}

static enum status op_dup(struct machine *m, int op)
{
    struct value *v;
    (void)op;
    TRY(machine_top(m, &v));
    return machine_push(m, v);
}

/* The index of GET and PUT in their three widths. */
static enum status memo_index(struct machine *m, int op, uint64_t *index)
{
    struct bytes line;
    if (op == 'h' || op == 'q')
        return machine_take_uint(m, 1, index);
    if (op == 'j' || op == 'r')
        return machine_take_uint(m, 4, index);
    TRY(machine_take_line(m, &line));
    *index = 0;
    if (line.size == 0 || line.size > 9)
        return machine_fail(m, "a memo index of %zu digits", line.size);
    for (size_t i = 0; i < line.size; i++) {
        if (line.at[i] < '0' || line.at[i] > '9')
            return machine_fail(m, "a memo index that is not a number");
        *index = *index * 10 + (uint64_t)(line.at[i] - '0');
    }
    return OK;
}

static enum status op_get(struct machine *m, int op)
{
    uint64_t i;
    TRY(memo_index(m, op, &i));
    if (i >= m->memo_room || m->memo[i] == NULL)
        return machine_fail(m, "gets memo entry %llu, which was never put", (unsigned long long)i);
    return machine_push(m, m->memo[i]);
}

/* PUT in its three widths, and MEMOIZE, which takes the next index. */
static enum status op_put(struct machine *m, int op)
{
    uint64_t i = m->memo_next;
    struct value *v;
    if (op != 0x94)
        TRY(memo_index(m, op, &i));
    TRY(machine_top(m, &v));
    /* Picklers number entries one by one, and each takes at least a byte. */
    if (i >= MAX_MEMO || i > m->size)
        return machine_fail(m, "puts memo entry %llu into a pickle of %zu bytes",
                            (unsigned long long)i, m->size);
    if (i >= m->memo_room) {
        size_t old = m->memo_room;
        if (!grow_array(&m->memo, &m->memo_room, (size_t)i, sizeof(struct value *)))
            return fail(m->err, E_NOMEM, "%s: no memory for its memo", m->what);
        memset(m->memo + old, 0, (m->memo_room - old) * sizeof(struct value *));
    }
    m->memo_next += m->memo[i] == NULL;
    m->memo[i] = v;
    return OK;
}

/* Globals and what is done to them */

static enum status push_global(struct machine *m, struct bytes module, struct bytes name)
{
    struct value *v = value_new(m->heap, VALUE_GLOBAL);
    if (v != NULL) {
        v->as.global.module = module;
        v->as.global.name = name;
    }
    return machine_push(m, v);
}

static enum status op_global(struct machine *m, int op)
{
    struct bytes module, name;
    struct value *a, *b;
    if (op == 'c') {
        TRY(machine_take_line(m, &module));
        TRY(machine_take_line(m, &name));
        return push_global(m, module, name);
    }
    TRY(machine_pop(m, &b)); /* STACK_GLOBAL */
    TRY(machine_pop(m, &a));
    if (a->kind != VALUE_STRING || b->kind != VALUE_STRING)
        return machine_fail(m, "a global that is named by %s and %s", value_kind_name(a->kind),
                            value_kind_name(b->kind));
    return push_global(m, a->as.text, b->as.text);
}

/* EXT1, EXT2, EXT4: a global by number, from a registry that we do not have. */
static enum status op_extension(struct machine *m, int op)
{
    uint64_t code;
    TRY(machine_take_uint(m, op == 0x82 ? 1 : op == 0x83 ? 2 : 4, &code));
    return push_global(m, (struct bytes){ "copyreg", 7 }, (struct bytes){ "extension", 9 });
}

static enum status call(struct machine *m, struct value *callable, struct value *args)
{
    struct value *result;
    if (callable->kind != VALUE_GLOBAL && callable->kind != VALUE_OPAQUE)
        return machine_fail(m, "calls %s", value_kind_name(callable->kind));
    if (args->kind != VALUE_TUPLE) {
        if (args->kind != VALUE_OPAQUE)
            return machine_fail(m, "calls with %s; a tuple is due", value_kind_name(args->kind));
        args = value_new(m->heap, VALUE_TUPLE);
        if (args == NULL)
            return machine_full(m);
    }
    TRY(torch_call(m, callable, args, &result));
    return machine_push(m, result);
}

static enum status op_call(struct machine *m, int op)
{
    struct value *callable, *args, *keywords;
    if (op == 0x92) /* NEWOBJ_EX */
        TRY(machine_pop(m, &keywords));
    TRY(machine_pop(m, &args));
    TRY(machine_pop(m, &callable));
    return call(m, callable, args);
}

/* INST and OBJ of protocols 0 and 1: class and arguments lie above a mark. */
static enum status op_instance(struct machine *m, int op)
{
    size_t n;
    if (op == 'i') {
        TRY(op_global(m, 'c'));
        m->count--; /* the class, read from the line; the arguments are below it */
        struct value *class = m->stack[m->count];
        TRY(machine_pop_mark(m, &n));
        TRY(collect(m, VALUE_TUPLE, n));
        return call(m, class, m->stack[--m->count]);
    }
    TRY(machine_pop_mark(m, &n));
    if (n == 0)
        return machine_fail(m, "an object without a class");
    struct value *class = m->stack[m->count];
    memmove(m->stack + m->count, m->stack + m->count + 1, (n - 1) * sizeof(struct value *));
    TRY(collect(m, VALUE_TUPLE, n - 1));
    return call(m, class, m->stack[--m->count]);
}

/* State never changes what we built: a state dict's is its _metadata, a tensor's its attributes. */
static enum status op_build(struct machine *m, int op)
{
    struct value *state;
    (void)op;
    TRY(machine_pop(m, &state));
    return machine_top(m, &state);
}

static enum status op_persistent(struct machine *m, int op)
{
    struct value *id, *v;
    (void)op;
    TRY(machine_pop(m, &id));
    TRY(torch_persistent(m, id, &v));
    return machine_push(m, v);
}

static enum status (*const operations[256])(struct machine *, int op) = {
    [0x80] = op_proto,      [0x95] = op_frame,      ['N'] = op_constant,   [0x88] = op_constant,
    [0x89] = op_constant,   ['J'] = op_int,         ['K'] = op_int,        ['M'] = op_int,
    [0x8a] = op_long,       [0x8b] = op_long,       ['G'] = op_float,      ['I'] = op_number_line,
    ['L'] = op_number_line, ['F'] = op_number_line, ['X'] = op_text,       ['T'] = op_text,
    ['U'] = op_text,        ['B'] = op_text,        ['C'] = op_text,       [0x8c] = op_text,
    [0x8d] = op_text,       [0x8e] = op_text,       [0x96] = op_text,      ['S'] = op_text_line,
    ['V'] = op_text_line,   [')'] = op_empty,       [']'] = op_empty,      ['}'] = op_empty,
    [0x8f] = op_empty,      ['t'] = op_collect,     ['l'] = op_collect,    ['d'] = op_collect,
    [0x91] = op_collect,    [0x85] = op_tuple,      [0x86] = op_tuple,     [0x87] = op_tuple,
    ['a'] = op_add,         ['e'] = op_add,         ['s'] = op_add,        ['u'] = op_add,
    [0x90] = op_add,        ['('] = op_mark,        ['0'] = op_pop,        ['1'] = op_pop,
    ['2'] = op_dup,         ['g'] = op_get,         ['h'] = op_get,        ['j'] = op_get,
    ['p'] = op_put,         ['q'] = op_put,         ['r'] = op_put,        [0x94] = op_put,
    ['c'] = op_global,      [0x93] = op_global,     [0x82] = op_extension, [0x83] = op_extension,
    [0x84] = op_extension,  ['R'] = op_call,        [0x81] = op_call,      [0x92] = op_call,
    ['i'] = op_instance,    ['o'] = op_instance,    ['b'] = op_build,      ['Q'] = op_persistent,
};

enum status pickle_read(struct heap *heap, const char *what, const uint8_t *bytes, size_t size,
                        struct value **out, size_t *used, struct error *err)
{
    struct machine m = { .heap = heap, .what = what, .bytes = bytes, .size = size, .err = err };
    enum status s = OK;
    while (s == OK) {
        const uint8_t *op;
        m.op_at = m.at;
        s = machine_take(&m, 1, &op);
        if (s == OK && *op == '.') {
            s = machine_pop(&m, out);
            break;
        }
        if (s == OK && operations[*op] == NULL)
            s = machine_fail(&m, "0x%02x is no pickle operation that is read", *op);
        if (s == OK)
            s = operations[*op](&m, *op);
    }
    *used = m.at;
    FREE_ALL(m.stack, m.marks, m.memo);
    return s;
}
