/* kind = demo: written once, whole, in the published layouts, and read back by their readers. */
#include "fixtures.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "demo.h"

enum { COUNT = 23, SIDE = 48 };

static struct dataset *open_or_die(const struct dataset_options *options)
{
    struct dataset *d;
    struct error err = { 0 };
    if (dataset_open(options, &d, &err) != OK)
        fail_msg("%s", err.text);
    return d;
}

static struct dataset_options demo_options(const char *split)
{
    return (struct dataset_options){ .kind = "demo",
                                     .path = path_of("%s/deep/er", test_folder),
                                     .demo_images = COUNT,
                                     .demo_seed = 9,
                                     .demo_size = SIDE,
                                     .demo_split = split };
}

static const char *set_folder(const char *split)
{
    return path_of("%s/deep/er/demo-v%d-%s-seed9-%dx%dpx", test_folder, DEMO_VERSION, split, COUNT,
                   SIDE);
}

/* Masks are those of the generator, and so are pictures up to JPEG's losses. */
static void check_sample(struct dataset *d, size_t i, enum demo_split split)
{
    struct demo_spec spec = { 9, DEMO_HELD_OUT, split, SIDE };
    uint8_t rgb[SIDE * SIDE * 3];
    int8_t object[SIDE * SIDE], patch[SIDE * SIDE];
    struct sample sample;
    struct error err;
    assert_int_equal(dataset_load(d, i, &sample, &err), OK);
    assert_int_equal(d->labels[i], demo_render(&spec, i, rgb, object, patch));
    assert_int_equal(sample.image.width, SIDE);
    assert_int_equal(sample.image.height, SIDE);
    assert_memory_equal(sample.labels, object, sizeof object);
    if (split == DEMO_SHORTCUT)
        assert_memory_equal(sample.shortcut, patch, sizeof patch);
    else
        assert_null(sample.shortcut);
    long off = 0;
    for (size_t p = 0; p < sizeof rgb; p++)
        off += abs(rgb[p] - sample.image.rgb[p]);
    assert_true(off < 12 * (long)sizeof rgb);
    sample_free(&sample);
}

static void test_round_trip(void **state)
{
    (void)state;
    for (int split = 0; split < 2; split++) {
        struct dataset_options options = demo_options(demo_split_names[split]);
        struct dataset *d = open_or_die(&options);
        assert_int_equal(d->count, COUNT);
        assert_true(d->has_labels && d->has_masks);
        assert_int_equal(d->has_shortcuts, split == DEMO_SHORTCUT);
        for (size_t i = 0; i < d->count; i++)
            check_sample(d, i, (enum demo_split)split);
        dataset_close(d);
    }
}

/* The tree and the .mat are plain data sets of the published layouts. */
static void test_published_readers(void **state)
{
    (void)state;
    struct dataset_options options = demo_options("shortcut");
    struct dataset *demo = open_or_die(&options);
    const char *source = getenv("EVALH_SOURCE_ROOT");
    const char *classes = path_of("%s/model/demo/classes.txt", source != NULL ? source : ".");
    struct dataset_options folder = {
        .kind = "imagenet", .path = set_folder("shortcut"), .classes = classes, .head_classes = 10
    };
    struct dataset_options mat = { .kind = "imagenet_seg",
                                   .path = path_of("%s/demo_gtsegs.mat", set_folder("shortcut")) };
    struct dataset *tree = open_or_die(&folder), *masks = open_or_die(&mat);
    struct error err;
    assert_int_equal(tree->count, COUNT);
    assert_int_equal(masks->count, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        struct sample ours, theirs;
        size_t j = 0;
        assert_int_equal(dataset_load(demo, i, &ours, &err), OK);
        assert_int_equal(dataset_load(masks, i, &theirs, &err), OK);
        assert_memory_equal(ours.image.rgb, theirs.image.rgb, SIDE * SIDE * 3);
        assert_memory_equal(ours.labels, theirs.labels, SIDE * SIDE);
        sample_free(&theirs);
        while (strcmp(tree->ids[j], demo->ids[i] + strlen("val/")) != 0)
            assert_true(++j < COUNT);
        assert_int_equal(tree->labels[j], demo->labels[i]);
        sample_free(&ours);
    }
    dataset_close(demo);
    dataset_close(tree);
    dataset_close(masks);
}

static void test_reuse(void **state)
{
    (void)state;
    struct dataset_options options = demo_options(NULL);
    struct stat before, after;
    struct error err;
    struct dataset *d = open_or_die(&options);
    char first[65];
    memcpy(first, d->fingerprint, sizeof first);
    dataset_close(d);
    const char *mat = path_of("%s/demo_gtsegs.mat", set_folder("plain"));
    assert_int_equal(stat(mat, &before), 0);
    d = open_or_die(&options);
    assert_string_equal(d->fingerprint, first);
    dataset_close(d);
    assert_int_equal(stat(mat, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);

    /* Written anew elsewhere it is the same, byte for byte. */
    struct dataset_options other = options;
    other.path = path_of("%s/other", test_folder);
    d = open_or_die(&other);
    assert_string_equal(d->fingerprint, first);
    dataset_close(d);
    size_t n, m;
    uint8_t *a = slurp(mat, &n);
    uint8_t *b = slurp(
        path_of("%s/other/%s/demo_gtsegs.mat", test_folder, strrchr(set_folder("plain"), '/')), &m);
    assert_int_equal(n, m);
    assert_memory_equal(a, b, n);
    free(a);
    free(b);

    /* Half a set is not silently used or replaced. */
    unlink(path_of("%s/demo.txt", set_folder("plain")));
    assert_fails(dataset_open(&options, &d, &err), E_CONFIG, &err, set_folder("plain"), "demo.txt",
                 NULL);
}

/* Ranks of one run start together: each gets the whole set, and nothing else is left behind. */
static void test_processes(void **state)
{
    (void)state;
    struct dataset_options options = demo_options(NULL);
    options.path = path_of("%s/ranks", test_folder);
    pid_t children[4];
    for (int c = 0; c < 4; c++) {
        children[c] = fork();
        if (children[c] == 0) {
            struct dataset *d;
            struct error err;
            bool ok = dataset_open(&options, &d, &err) == OK && d->count == COUNT;
            _exit(ok ? 0 : 1);
        }
    }
    for (int c = 0; c < 4; c++) {
        int result;
        assert_int_equal(waitpid(children[c], &result, 0), children[c]);
        assert_int_equal(result, 0);
    }
    DIR *folder = opendir(options.path);
    int entries = 0;
    for (struct dirent *e; (e = readdir(folder)) != NULL;)
        entries += e->d_name[0] != '.';
    closedir(folder);
    assert_int_equal(entries, 1);
}

static size_t load_all(struct dataset *d)
{
    size_t failed = 0;
    for (int round = 0; round < 4; round++)
        for (size_t i = 0; i < d->count; i++) {
            struct sample sample;
            failed += dataset_load(d, i, &sample, NULL) != OK;
            sample_free(&sample);
        }
    return failed;
}

static void test_threads(void **state)
{
    (void)state;
    struct dataset_options options = demo_options("shortcut");
    struct dataset *d = open_or_die(&options);
    assert_loads_in_threads(d, load_all);
    dataset_close(d);
}

static void test_errors(void **state)
{
    (void)state;
    struct dataset *d;
    struct error err;
    struct dataset_options options = demo_options("plane");
    assert_fails(dataset_open(&options, &d, &err), E_CONFIG, &err, "plane", "shortcut", NULL);
    options = demo_options(NULL);
    options.demo_size = 7;
    assert_fails(dataset_open(&options, &d, &err), E_CONFIG, &err, "7", "32 to 512", NULL);
    options = demo_options(NULL);
    options.demo_images = -1;
    assert_fails(dataset_open(&options, &d, &err), E_CONFIG, &err, "-1", NULL);
    options = demo_options(NULL);
    const char *file = path_of("%s/file", test_folder);
    write_text(file, "in the way");
    options.path = path_of("%s/set", file);
    assert_fails(dataset_open(&options, &d, &err), E_CONFIG, &err, file, NULL);
}

int main(void)
{
    return RUN_TESTS(make_test_folder, remove_test_folder, TEST(test_round_trip),
                     TEST(test_published_readers), TEST(test_reuse), TEST(test_processes),
                     TEST(test_threads), TEST(test_errors));
}
