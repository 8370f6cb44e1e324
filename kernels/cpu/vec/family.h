/* Names of the functions that are compiled once per instruction set and element type: CPU_SUFFIX
 * (from the build) tells the copies apart. Each file of this folder fills the slots of its family.
 */
#pragma once

#include "cpu.h"
#include "vec.h"

#define CPU_PASTE2(name, suffix) cpu_vec_##name##suffix
#define CPU_PASTE(name, suffix) CPU_PASTE2(name, suffix)
#define CPU_VEC(name) CPU_PASTE(name, CPU_SUFFIX)

#define CPU_VEC_FAMILIES(F)                                                                        \
    F(scan)                                                                                        \
    F(scan_back)                                                                                   \
    F(conv)                                                                                        \
    F(norm)                                                                                        \
    F(map)                                                                                         \
    F(reduce)                                                                                      \
    F(hidden)                                                                                      \
    F(hidden_matrix)                                                                               \
    F(attention)                                                                                   \
    F(lrp)                                                                                         \
    F(linear_lrp)

#define CPU_VEC_DECLARE(family) void CPU_VEC(family##_ops)(struct ops *);
CPU_VEC_FAMILIES(CPU_VEC_DECLARE)
#undef CPU_VEC_DECLARE

static inline const scalar *rd(const real *p)
{
    return (const scalar *)(const void *)p;
}

static inline scalar *wr(real *p)
{
    return (scalar *)(void *)p;
}

static inline int min_int(int a, int b)
{
    return a < b ? a : b;
}

/* Channels are worked on in blocks of VN; the last one may be short. */
static inline int blocks_of(int chan)
{
    return (chan + VN - 1) / VN;
}
