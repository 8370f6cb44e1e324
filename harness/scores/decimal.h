/* Decimal numbers for tables, rounded so that columns agree with one another. */
#pragma once

enum { DECIMAL_SIZE = 64 };

/* Writes x with this many places (0 to 6), rounded as its intended decimal value: 24.05 and 33.05
 * become 24.1 and 33.1, although their binary neighbours may lie below. Halves round away from 0;
 * "-0.0" never appears. NaN becomes a dash. Returns out. */
const char *decimal(char out[DECIMAL_SIZE], double value, int places);
/* The same with its sign: "+0.50", "-0.50", "+0.00". */
const char *decimal_signed(char out[DECIMAL_SIZE], double value, int places);
/* With at most two places, and no zeros at the end: "1", "1.5", "2.33". */
const char *decimal_short(char out[DECIMAL_SIZE], double value);
