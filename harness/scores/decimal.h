/* Numbers as people write them, so that columns of a table agree with one another. */
#pragma once

enum { DECIMAL_SIZE = 64 };

/* With this many places (0 to 6), rounded as the decimal number is that a sum was meant to
 * be: 24.05 and 33.05, whichever side of it their binary neighbours lie on, become 24.1 and 33.1.
 * Halves go away from 0; nothing becomes "-0.0". NaN: a dash. Returns out. */
const char *decimal(char out[DECIMAL_SIZE], double value, int places);
/* The same with its sign: "+0.50", "-0.50", "+0.00". */
const char *decimal_signed(char out[DECIMAL_SIZE], double value, int places);
/* With at most two places, and no zeros at the end: "1", "1.5", "2.33". */
const char *decimal_short(char out[DECIMAL_SIZE], double value);
