#include "erf_table.h"

#include <math.h>
#include <pthread.h>

double cpu_erf_table[ERF_STEPS * ERF_LIMIT + 1][2];

static void make(void)
{
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
