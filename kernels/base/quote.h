/* Text that comes from outside, made safe for a message: a tensor's name, a key, a file's line. */
#pragma once

#include <stddef.h>
#include <stdio.h>

/* Room for a quotation of the default length, with its NUL. */
enum { QUOTE_LENGTH = 120, QUOTE_SIZE = QUOTE_LENGTH + 1 };

struct quoted {
    char text[QUOTE_SIZE];
};

/* Copies `length` bytes to out [size >= 8] as printable UTF-8. What is no valid UTF-8, control
 * characters (C0, DEL, C1), and characters that change the direction of text or hide it
 * (U+200B..200F, U+2028..202E, U+2060..2069, U+FEFF) come out as \xNN, byte by byte, and a
 * backslash as two, so that a quotation stands for exactly one text. What does not fit ends in
 * "...", never within a character. Returns out. */
char *quote_bytes(char *out, size_t size, const void *bytes, size_t length);

/* The same for a finished message, which may quote already: backslashes, line ends and tabs stay.
 * Every line that is logged goes through it, so that nothing from a file reaches a terminal raw. */
char *quote_message(char *out, size_t size, const char *message);

/* The same in memory of its own; NULL where there is none. */
char *quote_copy(const char *message);

/* A stream for text: what is written to it reaches `fd`, which it does not close, as quote_message
 * says. The program's standard output is one. NULL where there is no memory. */
FILE *quote_stream(int fd);

/* For arguments of fail() and printf:  fail(err, E_DATA, "tensor '%s'", quote(name).text)
 * A NULL text is "". */
struct quoted quote(const char *text);
struct quoted quote_n(const void *bytes, size_t length);
