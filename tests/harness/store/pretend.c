/* The pretended run: pretend.h. */
#include <hdf5.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "h5file.h"
#include "pretend.h"

#include "run_tests.h"

enum { IMAGES = 23, MAP = 3 };

static char folder[40] = "/dev/shm/evalh-store-XXXXXX"; /* many syncs: in memory if it can be */
static char output[64];

const char *pretend_folder(void)
{
    return folder;
}

const char *pretend_output(void)
{
    return output;
}

int pretend_begin(void)
{
    if (access("/dev/shm", W_OK) != 0)
        snprintf(folder, sizeof folder, "/tmp/evalh-store-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(output, sizeof output, "%s/out.h5", folder);
    h5_quiet();
    return 0;
}

void pretend_end(void)
{
    pretend_clean(NULL);
    rmdir(folder);
}

struct config *pretend_config(const char *change)
{
    struct config *c;
    struct error err;
    assert_int_equal(config_new(&c, &err), OK);
    assert_int_equal(config_set(c, "run.name=test", &err), OK);
    if (change != NULL)
        assert_int_equal(config_set(c, change, &err), OK);
    assert_int_equal(config_finish(c, &err), OK);
    return c;
}

void pretend_layout(struct records *r, size_t rows)
{
    int i;
    struct error err;
    *r = (struct records){ 0 };
    assert_int_equal(records_add(r, COLUMN_TEXT, 12, 0, &i, &err, "images/id"), OK);
    assert_int_equal(records_add(r, COLUMN_I32, 0, 0, &i, &err, "images/label"), OK);
    assert_int_equal(
        records_add(r, COLUMN_F32, MAP, MAP, &i, &err, "explain/%s/predicted/map", "raw"), OK);
    assert_int_equal(records_link(r, i, &err, "explain/raw/target/map"), OK);
    assert_int_equal(records_add(r, COLUMN_U8, 10, 0, &i, &err, "perturbation/hit"), OK);
    r->columns[i].note =
        (struct column_note){ .units = "1", .what = "a hit", .axis = { NULL, "removed" } };
    assert_int_equal(records_add_once(r, COLUMN_F32, 10, 0, &i, &err, "removed"), OK);
    r->columns[i].note = (struct column_note){ .what = "share removed", .scale = true };
    assert_int_equal(records_alloc(r, rows, &err), OK);
    for (int k = 0; k < 10; k++)
        ((float *)records_at(r, i, 0))[k] = (float)k / 10;
}

/* What image `image` holds. */
static void fill_row(struct records *r, size_t row, size_t image)
{
    records_blank(r, row);
    snprintf(records_text(r, 0, row), 12, "img%zu", image);
    *records_i32(r, 1, row) = (int32_t)(image * 7 % 5);
    float *map = records_f32(r, 2, row);
    for (int k = 0; k < MAP * MAP; k++)
        map[k] = (float)image + (float)k / 16;
    uint8_t *hit = records_u8(r, 4, row);
    for (int k = 0; k < 10; k++)
        hit[k] = (uint8_t)((image + (size_t)k) & 1);
}

static const char *contents;

void pretend_contents(const char *digest)
{
    contents = digest;
}

enum status pretend_open(const char *path, struct config *c, const char *checkpoint,
                         size_t shard_size, bool fresh, struct store **s, struct error *err)
{
    struct store_identity id = { .config = c,
                                 .source = { { "checkpoint_sha256", checkpoint, "checkpoint" },
                                             { "dataset_fingerprint", "f", "data set" } },
                                 .source_count = 2,
                                 .contents = contents,
                                 .device = "cpu",
                                 .images = IMAGES,
                                 .shard_size = shard_size };
    return store_open(path, &id, fresh, s, err);
}

enum status pretend_put(struct store *s, size_t shard, struct records *r, struct error *err)
{
    size_t first, count;
    store_range(s, shard, &first, &count);
    for (size_t row = 0; row < count; row++)
        fill_row(r, row, first + row);
    return store_put(s, shard, r, err);
}

enum status pretend_run(struct config *c, size_t shard_size, struct error *err)
{
    struct store *s;
    struct records r;
    TRY(pretend_open(output, c, "k", shard_size, false, &s, err));
    pretend_layout(&r, 64);
    enum status status = OK;
    for (size_t i = 0; i < store_shards(s) && status == OK && !store_complete(s); i++)
        if (!store_has(s, i))
            status = pretend_put(s, i, &r, err);
    if (status == OK && !store_complete(s))
        status = store_merge(s, &r, NULL, 0, NULL, err);
    records_free(&r);
    store_close(s);
    return status;
}

void pretend_check(void)
{
    struct records r;
    struct error err;
    pretend_layout(&r, IMAGES);
    hid_t file = H5Fopen(output, H5F_ACC_RDONLY, H5P_DEFAULT);
    assert_true(file >= 0);
    struct records want;
    pretend_layout(&want, IMAGES);
    for (size_t i = 0; i < IMAGES; i++)
        fill_row(&want, i, i);
    for (int i = 0; i < r.count; i++) {
        int from = r.columns[i].same_as >= 0 ? r.columns[i].same_as : i;
        if (h5_read_column(file, &r.columns[i], IMAGES, r.columns[from].data, &err) != OK)
            fail_msg("%s", err.text);
        assert_memory_equal(r.columns[from].data, want.columns[from].data,
                            (r.columns[from].once ? 1 : IMAGES) * r.columns[from].row_bytes);
    }
    int64_t complete;
    assert_int_equal(h5_get_int(file, "complete", &complete, &err), OK);
    assert_int_equal(complete, 1);
    H5Fclose(file);
    records_free(&r);
    records_free(&want);
    char parts[80];
    snprintf(parts, sizeof parts, "%s.parts", output);
    assert_int_not_equal(access(parts, F_OK), 0);
}

int pretend_clean(void **state)
{
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s/*", folder);
    return system(command);
}

void pretend_two_shards(struct config *c)
{
    struct store *s;
    struct records r;
    struct error err;
    assert_int_equal(pretend_open(output, c, "k", 5, false, &s, &err), OK);
    pretend_layout(&r, 5);
    assert_int_equal(pretend_put(s, 0, &r, &err), OK);
    assert_int_equal(pretend_put(s, 3, &r, &err), OK);
    records_free(&r);
    store_close(s);
}
