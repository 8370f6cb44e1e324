/* Comma-separated values (RFC 4180, lines end in a line feed). */
#pragma once

#include <stdio.h>

/* One field, quoted where it has to be. */
void csv_field(FILE *, const char *text);
/* ",1.25" with all the digits that matter; "," alone for NaN. */
void csv_number(FILE *, double value);
