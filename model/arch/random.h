/* Random numbers that are the same on every machine. */
#pragma once

#include <stdint.h>

/* splitmix64 (Steele, Lea, Flood 2014): the state advances, the result is uniform. */
uint64_t random_next(uint64_t *state);
double random_uniform(uint64_t *state); /* [0, 1) */
double random_normal(uint64_t *state);  /* mean 0, variance 1 (Box and Muller 1958) */
