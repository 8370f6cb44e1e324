/* A run without a model for test_store.c and test_store_faults.c: what each of its images holds is
 * made up from the image's number, and its file lies in a folder that is made for the program. */
#pragma once

#include "store.h"

int pretend_begin(void); /* 0, or -1 where no folder can be made */
void pretend_end(void);
/* Empties the folder; before a test. */
int pretend_clean(void **state);
const char *pretend_folder(void);
const char *pretend_output(void); /* in the folder */

/* change: SECTION.KEY=VALUE or NULL. */
struct config *pretend_config(const char *change);
void pretend_layout(struct records *, size_t rows);
enum status pretend_open(const char *path, struct config *, const char *checkpoint,
                         size_t shard_size, bool fresh, struct store **, struct error *);
/* What the next stores that are opened know of the data set's contents; NULL: nothing. */
void pretend_contents(const char *digest);
enum status pretend_put(struct store *, size_t shard, struct records *, struct error *);
/* Two shards of a run that stopped, of checkpoint "k". */
void pretend_two_shards(struct config *);
/* Runs to the end whatever is missing. */
enum status pretend_run(struct config *, size_t shard_size, struct error *);
/* Fails the test unless the output holds every row as it was made up and no shards are left. */
void pretend_check(void);
