/* The two distributions that intervals need, accurate to 1e-12 or better, in double arithmetic. */
#pragma once

double normal_cdf(double x);
/* p in (0, 1). */
double normal_quantile(double p);
/* Student's t with `freedom` > 0 degrees of freedom. */
double student_cdf(double x, double freedom);
double student_quantile(double p, double freedom);
