/* erf and its slope at i / ERF_STEPS, for the vector erf; made from libm's once per process. */
#pragma once

enum { ERF_STEPS = 64, ERF_LIMIT = 6 }; /* erf(6) rounds to 1 */

/* [i][0] = erf(i / ERF_STEPS), [i][1] = 2/sqrt(π) exp(-(i / ERF_STEPS)²). Written by
 * cpu_erf_table_make alone, before any backend of this folder is open. */
extern double cpu_erf_table[ERF_STEPS * ERF_LIMIT + 1][2];

/* The same to degree 4 around i / ERF_COARSE, by power of the distance, for float: 32 points are
 * what one instruction looks up. Taylor's remainder within 1/16: 1e-7. */
enum { ERF_COARSE = 8, ERF_POINTS = 32, ERF_DEGREE = 4 };
extern float cpu_erf_series[ERF_DEGREE + 1][ERF_POINTS];

void cpu_erf_table_make(void);
