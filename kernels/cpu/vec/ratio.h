#pragma once

#include "vec.h"

/* S(a, b) = a / (b + 1e-9), where a denominator of 0 is replaced by 1e-9; 0 where b = 0. |b| is
 * below 2^127. */
INLINE vec safe_ratio(vec a, vec b)
{
    vec away = b + (scalar)1e-9;
    away = v_select(away == 0, v_set((scalar)1e-9), away);
    return v_select(b == 0, v_set(0), v_div(a, away));
}
