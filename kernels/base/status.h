/* How every library of evalh reports failure: a code to act on, and a message to print.
 *
 * A function that can fail returns an enum status and takes a struct error * as its last argument.
 * On failure it fills in a message that names the file, line, key or tensor and says what would be
 * right. Nothing below main prints or exits. */
#pragma once

enum status {
    OK = 0,
    E_CONFIG, /* the user asked for something that cannot be: a key, a value, a path */
    E_IO,     /* the system refused: open, read, write, space, HDF5 */
    E_DATA,   /* a file's content is wrong: checkpoint, image, data set, result file */
    E_NOMEM,  /* memory of the host or the device ran out */
    E_DEVICE, /* the device or one of its libraries failed */
    E_ABSENT, /* there is no such device here */
    E_STOPPED /* a signal asked the run to end */
};

struct error {
    enum status code;
    char key[48]; /* the key of the configuration whose value is wrong: "model.heads"; or "" */
    char text[1024];
};

/* Fills *err (which may be NULL) and returns `code`, so that `return fail(err, E_DATA, ...)` reads
 * well. */
enum status fail(struct error *err, enum status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same where the value of one key of the configuration is wrong. The message names neither key
 * nor value: config_blame, which knows where the key was set, puts that in front, and a command
 * puts the corresponding option in front. */
enum status fail_key(struct error *err, enum status code, const char *key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Puts context in front of the message already in *err ("checkpoint.pth: " + ...). Returns err's
 * code. */
enum status fail_prefix(struct error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The status of a function that opens something, at its end: *out takes what was made; after a
 * failure that is closed again. */
#define OPENED(status, made, close, out)                                                           \
    ((status) == OK ? (*(out) = (made), OK) : (close(made), (status)))

/* Leaves the function when `expr` failed; for functions that own nothing yet. */
#define TRY(expr)                                                                                  \
    do {                                                                                           \
        enum status try_status_ = (expr);                                                          \
        if (try_status_ != OK)                                                                     \
            return try_status_;                                                                    \
    } while (0)
