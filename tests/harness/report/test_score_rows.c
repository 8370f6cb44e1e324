/* evalh report --scores: which records make a row, at the ends of what a config allows. */
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "json_rows.h"
#include "report.h"

#include "report_tests.h"

enum { IMAGES = 6, SIDE = 64, GRID = 4 };

static hid_t open_made(const char *path)
{
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    assert_true(file >= 0);
    return file;
}

/* Adds a dataset [d0, d1, d2] (d2 = 0: two dimensions), in place of the one that may be there. */
static void put(hid_t file, const char *path, hid_t type, hsize_t d0, hsize_t d1, hsize_t d2,
                const void *data)
{
    const hsize_t dims[] = { d0, d1, d2 };
    hid_t links = H5Pcreate(H5P_LINK_CREATE), space = H5Screate_simple(d2 > 0 ? 3 : 2, dims, NULL);
    H5Pset_create_intermediate_group(links, 1);
    H5Ldelete(file, path, H5P_DEFAULT);
    hid_t set = H5Dcreate2(file, path, type, space, links, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(set >= 0 && H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    H5Dclose(set);
    H5Sclose(space);
    H5Pclose(links);
}

/* Numbers without a pattern, the same for the same count. */
static float *noise(size_t count)
{
    float *x = malloc(count * sizeof *x);
    uint32_t state = 1;
    assert_non_null(x);
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = (float)(state >> 8) / (float)(1 << 24);
    }
    return x;
}

static const char *plain(const char *name)
{
    struct make_result o = make_result_default;
    o.images = IMAGES;
    o.skipped = 0;
    o.grid = GRID;
    o.image_size = SIDE;
    o.methods = "raw rollout random";
    return made(name, &o);
}

/* The value of a metric by --scores, NaN where it is not defined; ends the test where there is no
 * such row. */
static double score_of(const char *path, const char *metric, const char *method)
{
    struct outcome r = REPORT(path, "--scores", "--format", "json");
    if (r.code != 0)
        fail_msg("%s", r.err);
    cJSON *json = cJSON_Parse(r.out);
    const cJSON *scores = get(cJSON_GetArrayItem(get(json, "runs"), 0), "scores"), *row, *of;
    double value = NAN;
    bool found = false;
    cJSON_ArrayForEach(row, get(scores, "metrics"))
    {
        if (strcmp(get(row, "key")->valuestring, metric) != 0)
            continue;
        cJSON_ArrayForEach(of, get(row, "values"))
        {
            if (strcmp(get(of, "method")->valuestring, method) != 0)
                continue;
            found = true;
            value = number(of, "value");
        }
    }
    if (!found)
        fail_msg("no row of %s, %s in %s", metric, method, r.out);
    cJSON_Delete(json);
    outcome_free(&r);
    return value;
}

static void the_most_tiles(void **state)
{
    (void)state;
    const char *path = plain("tiles.h5");
    float *logit = noise(IMAGES * 4097);
    hid_t file = open_made(path);
    put(file, "/tiles/predicted/logit", H5T_NATIVE_FLOAT, IMAGES, 4097, 0, logit);
    H5Fclose(file);
    free(logit);
    assert_true(fabs(score_of(path, "single_deletion", "raw")) <= 1);
}

/* One method's maps are as large as the images and block by block those of another, so that both
 * have one correlation; a third one's are constant, and that score alone is not defined. */
static void sets_of_patches_and_other_maps(void **state)
{
    enum { SETS = 30, CELLS = GRID * GRID, PIXELS = SIDE * SIDE };
    (void)state;
    const char *path = plain("subsets.h5");
    float *logit = noise(IMAGES * (SETS + 1)), *map = noise(IMAGES * CELLS);
    float *blocks = malloc(sizeof(float) * IMAGES * PIXELS), constant[IMAGES * 49] = { 0 };
    uint8_t mask[SETS * CELLS] = { 0 };
    for (int i = 0; i < SETS; i++)
        mask[i * CELLS + i * 7 % CELLS] = mask[i * CELLS + (i * 5 + 3) % CELLS] = 1;
    for (int i = 0; i < IMAGES * PIXELS; i++) {
        int y = i % PIXELS / SIDE * GRID / SIDE, x = i % SIDE * GRID / SIDE;
        blocks[i] = 3 * map[i / PIXELS * CELLS + y * GRID + x] - 1;
    }
    hid_t file = open_made(path);
    put(file, "/subsets/predicted/logit", H5T_NATIVE_FLOAT, IMAGES, SETS + 1, 0, logit);
    put(file, "/subsets/mask", H5T_NATIVE_UINT8, SETS, CELLS, 0, mask);
    put(file, "/explain/raw/predicted/map", H5T_NATIVE_FLOAT, IMAGES, GRID, GRID, map);
    put(file, "/explain/rollout/predicted/map", H5T_NATIVE_FLOAT, IMAGES, SIDE, SIDE, blocks);
    put(file, "/explain/random/predicted/map", H5T_NATIVE_FLOAT, IMAGES, 7, 7, constant);
    H5Fclose(file);
    double patches = score_of(path, "correlation", "raw");
    double pixels = score_of(path, "correlation", "rollout");
    assert_true(fabs(patches) <= 1 && fabs(patches - pixels) < 1e-6);
    assert_true(isnan(score_of(path, "correlation", "random")));
    free(logit);
    free(map);
    free(blocks);
}

static void one_noisy_copy(void **state)
{
    const float distance[IMAGES] = { 0.5f, 0.25f, 0, 1, 0.25f, 1 };
    const uint8_t changed[IMAGES] = { 1, 0, 0, 1, 0, 1 };
    static const char *const methods[] = { "raw", "rollout", "random" };
    (void)state;
    const char *path = plain("copy.h5");
    hid_t file = open_made(path);
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        char at[80];
        snprintf(at, sizeof at, "/robustness/%s/predicted/distance", methods[i]);
        put(file, at, H5T_NATIVE_FLOAT, IMAGES, 1, 0, distance);
        snprintf(at, sizeof at, "/robustness/%s/predicted/changed", methods[i]);
        put(file, at, H5T_NATIVE_UINT8, IMAGES, 1, 0, changed);
    }
    H5Fclose(file);
    assert_true(score_of(path, "changed", "raw") == 50);
    assert_true(score_of(path, "sensitivity", "raw") == 0.5);
    assert_true(score_of(path, "sensitivity_max", "raw") == 0.5);
    EXPECT(REPORT(path, "--format", "html"), 0, "sensitivity");
}

/* Maps at the pixels of large images are shown, coarser. */
static void maps_of_many_pixels(void **state)
{
    enum { LARGE = 600 };
    (void)state;
    struct make_result o = make_result_default;
    o.images = 2;
    o.skipped = 0;
    o.grid = o.image_size = LARGE;
    o.methods = "raw";
    o.segmentation = true;
    const char *path = made("large.h5", &o);
    EXPECT(REPORT(path, "--format", "html"), 0, "heat map",
           "maps of 600 × 600 are averaged to 64 × 64");
    extern const struct command command_rescore;
    EXPECT(run_command(&command_rescore, (const char *const[]){ path, "-t", "segmentation", NULL }),
           0, "mIoU by threshold");
}

int main(void)
{
    return RUN_TESTS(make_folder, remove_folder, TEST(the_most_tiles),
                     TEST(sets_of_patches_and_other_maps), TEST(one_noisy_copy),
                     TEST(maps_of_many_pixels));
}
