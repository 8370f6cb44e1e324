/* Comma-separated values (RFC 4180, lines end in a line feed). */
#pragma once

#include <stdio.h>

/* Writes a field, quoted where RFC 4180 requires it. A text that a spreadsheet would compute, one
 * that begins with =, +, - or @ and is no number, gets an apostrophe in front, which keeps it a
 * text there. */
void csv_field(FILE *, const char *text);
/* Writes ",1.25" with all significant digits; "," alone for NaN. */
void csv_number(FILE *, double value);
