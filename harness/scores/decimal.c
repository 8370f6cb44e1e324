#include "decimal.h"

#include <math.h>
#include <stdio.h>

/* The nearest number with this many places. A value within 1e-9 of a half counts as a half: scores
 * are sums of at most some tens of thousands of terms, whose rounding errors are far smaller. */
static double rounded(double value, int places)
{
    double unit = pow(10, places), size = fabs(value) * unit, whole = floor(size);
    if (size > 1e15) /* beyond what a double holds to the unit */
        return value;
    if (fabs(size - whole - 0.5) <= 1e-9 * fmax(1, size))
        whole += 1;
    else
        whole = round(size);
    return whole == 0 ? 0 : copysign(whole / unit, value);
}

static const char *print(char out[DECIMAL_SIZE], const char *format, double value, int places)
{
    if (isnan(value))
        snprintf(out, DECIMAL_SIZE, "–");
    else
        snprintf(out, DECIMAL_SIZE, format, places, rounded(value, places));
    return out;
}

const char *decimal(char out[DECIMAL_SIZE], double value, int places)
{
    return print(out, "%.*f", value, places);
}

const char *decimal_signed(char out[DECIMAL_SIZE], double value, int places)
{
    return print(out, "%+.*f", value, places);
}

const char *decimal_short(char out[DECIMAL_SIZE], double value)
{
    int places = 2;
    while (places > 0 && rounded(value, places) == rounded(value, places - 1))
        places--;
    return decimal(out, value, places);
}
