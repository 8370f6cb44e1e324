/* Reductions: over the columns of rows, over channels, over heads. */
#include "fold.h"

INLINE scalar row_value(const struct row_reduce_args *a, size_t row)
{
    const scalar *x = rd(a->x) + row * (size_t)a->cols;
    const scalar *y = a->stat == ROW_DOT ? rd(a->y) + row * (size_t)a->cols : NULL;
    wide sum = { 0 };
    vec top = v_set(0);
    for (int i = 0; i < a->cols; i += VN) {
        int n = min_int(VN, a->cols - i);
        vec v = v_load_part(x + i, n);
        if (a->stat == ROW_MAX_POS)
            top = v_max(v, top);
        else if (y)
            sum += __builtin_convertvector(v, wide) *
                   __builtin_convertvector(v_load_part(y + i, n), wide);
        else
            wide_add(&sum, v);
    }
    if (a->stat == ROW_MAX_POS)
        return v_top(top);
    double total = wide_total(&sum);
    return (scalar)(a->stat == ROW_MEAN ? total / a->cols : total);
}

static void row_reduce(struct backend *be, const struct row_reduce_args *a)
{
#pragma omp parallel for num_threads(cpu_team(be)) schedule(static)
    for (size_t row = 0; row < a->rows; row++)
        wr(a->out)[row] = row_value(a, row);
}

/* One token: its channels to one value, its extremes into *span. */
INLINE scalar token_value(const struct channel_reduce_args *a, const scalar *v, struct span *span)
{
    wide sum;
    fold_start(a->reduce, &sum);
    for (int c = 0; c < a->chan; c += VN) {
        int n = min_int(VN, a->chan - c);
        lanes mask = first_lanes(n);
        vec x = fold_sign(a->sign, v_load_part(v + c, n));
        span_add(span, x, mask);
        fold_add(a->reduce, &sum, x, mask);
    }
    return (scalar)fold_total(a->reduce, &sum, a->chan);
}

static void channel_reduce(struct backend *be, const struct channel_reduce_args *a)
{
#pragma omp parallel for num_threads(cpu_team(be)) schedule(static)
    for (int image = 0; image < a->n; image++) {
        struct span span = span_start();
        for (int t = 0; t < a->len; t++) {
            size_t row = (size_t)image * (size_t)a->len + (size_t)t;
            wr(a->out)[row] = token_value(a, rd(a->v) + row * (size_t)a->chan, &span);
        }
        if (a->range)
            span_store(&span, wr(a->range) + 2 * (size_t)image);
    }
}

static void head_mean(struct backend *be, const struct head_mean_args *a)
{
    size_t len = (size_t)a->len, square = len * len;
    int items = a->n * a->len;
#pragma omp parallel for num_threads(cpu_team(be)) schedule(static)
    for (int item = 0; item < items; item++) { /* a row of the mean */
        size_t image = (size_t)item / len, row = (size_t)item % len;
        size_t from = image * (size_t)a->heads * square + row * len;
        for (int j = 0; j < a->len; j += VN) {
            int n = min_int(VN, a->len - j);
            vec sum = v_set(0);
            for (int head = 0; head < a->heads; head++) {
                size_t at = from + (size_t)head * square + (size_t)j;
                vec x = v_load_part(rd(a->a) + at, n);
                if (a->b)
                    x = v_max(x * v_load_part(rd(a->b) + at, n), v_set(0));
                sum += x;
            }
            v_store_part(wr(a->out) + (size_t)item * len + j, sum / (scalar)a->heads, n);
        }
    }
}

void CPU_VEC(reduce_ops)(struct ops *op)
{
    op->row_reduce = row_reduce;
    op->channel_reduce = channel_reduce;
    op->head_mean = head_mean;
}
