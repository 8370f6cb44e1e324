/* The runner visits each image once, and all measurements share that visit. */
#pragma once

#include "plan.h"
#include "records.h"

struct runner;

/* Lays out the columns of all tasks and takes the memory for a batch. The plan must outlive it. */
enum status runner_open(struct plan *, size_t shard_rows, struct runner **out, struct error *err);
void runner_close(struct runner *); /* accepts NULL */
/* Bytes of an image's records, and of the columns that the run has once. Opens nothing. */
enum status runner_row_bytes(const struct plan *, size_t *row, size_t *once, struct error *err);
/* Bytes of engine memory that a runner takes for such a batch. */
size_t runner_device_bytes(const struct plan *, size_t batch);
struct records *runner_records(struct runner *);

/* Called after every batch, with the number of images done. Returning false asks the runner to
 * stop. */
typedef bool runner_progress(void *context, size_t images);

/* Fills the first `count` rows of the records from images [first, first + count). E_STOPPED when a
 * signal or `progress` asked for it; the rows are then worthless. */
enum status runner_shard(struct runner *, size_t first, size_t count, runner_progress *progress,
                         void *context, struct error *err);
