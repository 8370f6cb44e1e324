/* The pickle machine's state, shared by its operations (pickle.c) and by the meanings of torch's
 * globals (torch_globals.c). */
#pragma once

#include "pickle.h"

struct machine {
    struct heap *heap;
    const char *what; /* the pickle's name in messages */
    const uint8_t *bytes;
    size_t size, at; /* `at` is the next byte */
    size_t op_at;    /* where the operation began */
    struct value **stack;
    size_t count, room;
    size_t *marks; /* heights of the stack */
    size_t mark_count, mark_room;
    struct value **memo; /* by index, NULL where never set */
    size_t memo_room, memo_next;
    struct error *err;
};

/* "data.pkl, byte 17: " in front of the message. */
enum status machine_fail(struct machine *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* E_DATA: the heap's limit, which an honest checkpoint never meets, or no memory. */
enum status machine_full(struct machine *);

/* Take the next n bytes; a little-endian number of `width` bytes; the bytes up to a newline, which
 * is consumed too. */
enum status machine_take(struct machine *, size_t n, const uint8_t **out);
enum status machine_take_uint(struct machine *, size_t width, uint64_t *out);
enum status machine_take_line(struct machine *, struct bytes *out);

/* Work on the stack above the last mark. machine_push(NULL) is machine_full, so that the result of
 * value_new can be passed unchecked. */
enum status machine_push(struct machine *, struct value *);
enum status machine_pop(struct machine *, struct value **out);
enum status machine_top(struct machine *, struct value **out);
/* Takes the values above the last mark off: stack[count .. count + *n) still holds them. */
enum status machine_pop_mark(struct machine *, size_t *n);

/* Operations that push a number or a text (pickle_scalars.c), by opcode. */
enum status op_proto(struct machine *, int op);
enum status op_frame(struct machine *, int op);
enum status op_constant(struct machine *, int op);
enum status op_int(struct machine *, int op);
enum status op_long(struct machine *, int op);
enum status op_float(struct machine *, int op);
enum status op_number_line(struct machine *, int op);
enum status op_text(struct machine *, int op);
enum status op_text_line(struct machine *, int op);

/* The result of calling `callable` with the tuple `args`. */
enum status torch_call(struct machine *, struct value *callable, struct value *args,
                       struct value **out);
/* What a persistent id stands for: a storage. */
enum status torch_persistent(struct machine *, struct value *id, struct value **out);
