#include "erf_table.h"

#include <math.h>
#include <pthread.h>

double cpu_erf_table[ERF_STEPS * ERF_LIMIT + 1][2];

float cpu_erf_series[ERF_DEGREE + 1][ERF_POINTS] __attribute__((aligned(64)));

/* erf's derivatives: erf^(k+1) = (-1)^k H_k(r) erf'(r), H_k Hermite's polynomials. */
static void make_series(int i)
{
    double r = (double)i / ERF_COARSE, slope = M_2_SQRTPI * exp(-r * r);
    cpu_erf_series[0][i] = (float)erf(r);
    cpu_erf_series[1][i] = (float)slope;
    cpu_erf_series[2][i] = (float)(-slope * r);
    cpu_erf_series[3][i] = (float)(slope * (4 * r * r - 2) / 6);
    cpu_erf_series[4][i] = (float)(-slope * r * (8 * r * r - 12) / 24);
}

static void make(void)
{
    for (int i = 0; i < ERF_POINTS; i++)
        make_series(i);
    for (int i = 0; i <= ERF_STEPS * ERF_LIMIT; i++) {
        double r = (double)i / ERF_STEPS;
        cpu_erf_table[i][0] = erf(r);
        cpu_erf_table[i][1] = M_2_SQRTPI * exp(-r * r);
    }
}

void cpu_erf_table_make(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make);
}
