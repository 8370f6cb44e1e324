/* Holds a backend to the reference, one operation and shape at a time.
 *
 * A check builds its inputs on both sides, runs the operation on both and compares the outputs:
 *
 *     CASE(c, "rows %d", rows);
 *     struct pair *x = uniform(c, n, -1, 1), *y = output(c, n);
 *     RUN(c, map2, .f = MAP_ABS, .count = n, .a = at(c, x), .scale = 1, .out = at(c, y));
 *     compare(c, "y", y, 2);
 *
 * With --bench the same check runs on one large shape, on the backend's side only, and RUN times.
 */
#pragma once

#include "backend.h"

enum side { REF, OWN, SIDES };

enum element { ELEMENT_REAL, ELEMENT_FLOAT, ELEMENT_U32, ELEMENT_BYTE, ELEMENT_DOUBLE };

struct pair { /* an array on both sides */
    enum element element;
    size_t count;
    void *side[SIDES];
    struct weight *weight[SIDES]; /* of a weight; then no arrays */
    struct pair *next;
};

struct check {
    struct backend *be[SIDES];
    enum side side;     /* the side for which RUN is building arguments */
    const char *op;     /* under test */
    char variant[80];   /* of the backend */
    char what[160];     /* the case */
    double eps;         /* rounding unit of the array type; the coarser one where both differ */
    double product_eps; /* of matrix products: coarser for tf32 and bf16 */
    bool bench;
    double flops;           /* of the case; 0: its speed is counted in bytes */
    double peak, bandwidth; /* the machine's, measured: FLOP/s and bytes/s */
    uint64_t random;
    struct pair *pairs; /* of the case, freed when the next one begins */
    int compared, failed;
};

typedef void check_fn(struct check *);

/* Begins a case: frees the arrays of the one before, seeds the random numbers, keeps its
 * description for the messages. */
void case_begin(struct check *, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define CASE(c, ...) case_begin(c, __VA_ARGS__)

/* Arrays, the same values on both sides. They live until the next case. */
struct pair *uniform(struct check *, size_t count, double low, double high);
struct pair *from_floats(struct check *, const float *, size_t count); /* as `real` */
struct pair *from_bytes(struct check *, enum element, const void *, size_t count);
struct pair *output(struct check *, size_t count); /* NaN everywhere: what is not written shows */
struct pair *output_of(struct check *, enum element, size_t count); /* not real; zeros */
struct pair *weight(struct check *, int out, int in, unsigned uses);
struct pair *weight_from(struct check *, const float *, int out, int in, unsigned uses);

double draw(struct check *, double low, double high);

/* The current side's array, weight; NULL of NULL. */
real *at(const struct check *, const struct pair *);
void *raw(const struct check *, const struct pair *);
const struct weight *weight_of(const struct check *, const struct pair *);

/* |own - ref| <= factor * eps * max|ref| (eps of double for arrays of that), and NaN (not written)
 * just where the reference is. */
void compare(struct check *, const char *name, const struct pair *, double factor);
/* The same for a matrix product. Where that is coarser than the arrays (tf32, bf16), 8 of its units
 * more: both operands of every term are rounded, at random, so that the error is about one unit of
 * the largest result, and a few where few results are compared. */
void compare_product(struct check *, const char *name, const struct pair *, double factor);
/* |own - ref| <= factor * eps * |ref|, each by itself. */
void compare_each(struct check *, const char *name, const struct pair *, double factor);
/* Equal bytes: ranks. */
void compare_exact(struct check *, const char *name, const struct pair *);
/* Counts a comparison that the check made by itself. */
void verdict(struct check *, const char *name, bool good, const char *why);

void time_begin(struct check *);
bool time_again(struct check *); /* another round? */

#define RUN(c, name, ...)                                                                          \
    for ((c)->side = (c)->bench ? OWN : REF, time_begin(c); (c)->side < SIDES; (c)->side++)        \
        do {                                                                                       \
            struct backend *be_ = (c)->be[(c)->side];                                              \
            struct name##_args args_ = { __VA_ARGS__ };                                            \
            be_->op.name(be_, &args_);                                                             \
    } while (time_again(c))

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* One check for each operation of OP_LIST: an operation without one does not link. */
#define CHECK_DECLARE(name, args) check_fn check_##name;
OP_LIST(CHECK_DECLARE)
#undef CHECK_DECLARE
