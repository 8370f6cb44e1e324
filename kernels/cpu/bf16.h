#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* n floats to bf16, rounded to nearest even. */
void cpu_bf16_row(uint16_t *to, const float *from, size_t n);
