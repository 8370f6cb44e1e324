/* Checkpoint files made in memory, honest and hostile: a tiny writer of pickles, zip archives, the
 * older stream and safetensors. Failure inside a writer aborts: it is the test that is wrong. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "checkpoint.h"

struct buffer {
    uint8_t *at;
    size_t size, room;
};

void buffer_free(struct buffer *);
void put_bytes(struct buffer *, const void *, size_t);
void put_string(struct buffer *, const char *); /* without its NUL */
void put_uint(struct buffer *, uint64_t, int width);
void put_fill(struct buffer *, uint8_t value, size_t count);

/* Pickle operations */
void put_text(struct buffer *, const char *);               /* BINUNICODE */
void put_int(struct buffer *, int64_t);                     /* LONG1 */
void put_ints(struct buffer *, const int64_t *, int count); /* a tuple */
void put_global(struct buffer *, const char *module, const char *name);

struct spec { /* of a tensor in a pickle */
    const char *name, *storage, *key;
    int64_t elements, offset;
    int ndim;
    int64_t shape[12], stride[12];
};

/* Two by three floats of storage "0", row-major: what a hostile spec is derived from. */
struct spec honest_spec(void);
void put_tensor(struct buffer *, const struct spec *); /* the value alone */
/* The same with {metadata: True} behind its hooks; NULL: without. */
void put_tensor_with(struct buffer *, const struct spec *, const char *metadata);
/* name: tensor for each, inside an open MARK ... SETITEMS */
void put_entries(struct buffer *, const struct spec *, int count);
/* A whole pickle of {name: tensor}, or of {wrapper: {name: tensor}} */
void put_state_dict(struct buffer *, const char *wrapper, const struct spec *, int count);

struct member {
    const char *name;
    const void *data;
    size_t size;
    bool deflate;
};

void put_zip(struct buffer *, const struct member *, int count);
/* An archive of this pickle and the floats 1, 2, 3 ... as storage "0". */
void put_pth(struct buffer *, const struct buffer *pickle, int elements);

/* The magic number, version and system info; the object and the keys are the caller's. */
void put_stream_head(struct buffer *, int version);
void put_stream_keys(struct buffer *, const char *const *keys, int count);
void put_stream_storage(struct buffer *, uint64_t claimed, int elements);

void put_safetensors(struct buffer *, const char *header, size_t data_size);

/* A new temporary folder, as a cmocka test's or group's setup and teardown; the path of a file in
 * it, written there. */
int folder_make(void **state);
int folder_remove(void **state);
const char *folder_write(const char *name, const struct buffer *);

/* For cmocka tests (expect.c) */
struct checkpoint *expect_loads(const struct buffer *);
/* Whether a message may go to a terminal: UTF-8 without control characters. */
void expect_printable(const char *name, const char *text);
/* Opens it as a file: the status, and a message that has the path and every needle ("a|b"). */
void expect_refused(const char *name, const struct buffer *, enum status, const char *needles);
