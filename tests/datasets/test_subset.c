/* A subset is a sample: every part of an order holds each class in proportion, a longer part holds
 * the shorter ones; data.only leaves what it names. */
#include "fixtures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dataset_view.h"
#include "subset.h"

/* A set with this class for each image, in the order given. */
static struct dataset *make_set(const int *labels, size_t count, const char *only,
                                struct error *err)
{
    char list[4096];
    snprintf(list, sizeof list, "%s/list.txt", test_folder);
    FILE *file = fopen(list, "w");
    assert_non_null(file);
    for (size_t i = 0; i < count; i++) {
        const char *name = path_of("%s/%zu.JPEG", test_folder, i);
        write_text(name, "any");
        fprintf(file, "%zu.JPEG %d\n", i, labels[i]);
    }
    fclose(file);
    const struct dataset_options options = { .kind = "imagenet_list", .path = list, .only = only };
    struct dataset *d = NULL;
    *err = (struct error){ 0 };
    dataset_open(&options, &d, err);
    return d;
}

/* Each of the images once. */
static void check_permutation(const size_t *order, size_t count)
{
    bool *seen = calloc(count, sizeof *seen);
    for (size_t i = 0; i < count; i++) {
        assert_in_range(order[i], 0, count - 1);
        assert_false(seen[order[i]]);
        seen[order[i]] = true;
    }
    free(seen);
}

/* Every part: no class further than one image from its share; and no gap in the set much longer
 * than the mean one, as far as classes lie together. */
static void check_even(const int *labels, size_t count, int classes)
{
    struct error err;
    struct dataset *d = make_set(labels, count, NULL, &err);
    size_t *order = calloc(count, sizeof *order),
           *of_class = calloc((size_t)classes, sizeof *of_class);
    size_t *all = calloc((size_t)classes, sizeof *all);
    assert_non_null(d);
    assert_int_equal(subset_order(d, SUBSET_EVEN, 0, order, &err), OK);
    check_permutation(order, count);
    for (size_t i = 0; i < count; i++)
        all[labels[i]]++;
    for (size_t n = 1; n <= count; n++) {
        of_class[labels[order[n - 1]]]++;
        for (int c = 0; c < classes; c++) {
            double share = (double)n * (double)all[c] / (double)count;
            assert_true((double)of_class[c] > share - 1.51 && (double)of_class[c] < share + 1.51);
        }
    }
    free(order);
    free(of_class);
    free(all);
    dataset_close(d);
}

static void test_even(void **state)
{
    (void)state;
    enum { N = 120 };
    int labels[N];
    for (int i = 0; i < N; i++) /* as the demo set: neighbours differ */
        labels[i] = i % 10;
    check_even(labels, N, 10);
    for (int i = 0; i < N; i++) /* as a tree: classes lie together */
        labels[i] = i / 12;
    check_even(labels, N, 10);
    for (int i = 0; i < N; i++) /* of unlike sizes: 60, 30, 20, 9, 1 */
        labels[i] = i < 60 ? 0 : i < 90 ? 1 : i < 110 ? 2 : i < 119 ? 3 : 4;
    check_even(labels, N, 5);
    for (int i = 0; i < N; i++)
        labels[i] = 0;
    check_even(labels, N, 1);
}

/* One class: a part of any length leaves no gap of more than three times the mean. */
static void test_gaps(void **state)
{
    (void)state;
    enum { N = 100 };
    int labels[N] = { 0 };
    struct error err;
    struct dataset *d = make_set(labels, N, NULL, &err);
    size_t order[N];
    assert_int_equal(subset_order(d, SUBSET_EVEN, 0, order, &err), OK);
    for (size_t n = 2; n <= N; n++) {
        bool in[N] = { false };
        int last = -1, longest = 0;
        for (size_t i = 0; i < n; i++)
            in[order[i]] = true;
        for (int i = 0; i < N; i++)
            if (in[i]) {
                longest = i - last > longest ? i - last : longest;
                last = i;
            }
        longest = N - last > longest ? N - last : longest;
        assert_true(longest <= (int)(3 * N / n) + 1);
    }
    dataset_close(d);
}

static void test_random(void **state)
{
    (void)state;
    enum { N = 60 };
    int labels[N], same = 0, kept = 0;
    struct error err;
    size_t a[N], b[N], c[N];
    for (int i = 0; i < N; i++)
        labels[i] = i % 3;
    struct dataset *d = make_set(labels, N, NULL, &err);
    assert_int_equal(subset_order(d, SUBSET_RANDOM, 1, a, &err), OK);
    assert_int_equal(subset_order(d, SUBSET_RANDOM, 1, b, &err), OK);
    assert_int_equal(subset_order(d, SUBSET_RANDOM, 2, c, &err), OK);
    check_permutation(a, N);
    check_permutation(c, N);
    assert_memory_equal(a, b, sizeof a);
    for (int i = 0; i < N; i++) {
        same += a[i] == c[i];
        kept += a[i] == (size_t)i;
    }
    assert_true(same < 10 && kept < 10); /* of two independent orders: 1 in the mean */
    assert_int_equal(subset_order(d, SUBSET_FIRST, 1, c, &err), OK);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(c[i], i);
    dataset_close(d);
}

static void test_only_classes(void **state)
{
    (void)state;
    static const int labels[] = { 0, 217, 482, 0, 217, 0 };
    static const struct {
        const char *only;
        size_t count, first;
    } cases[] = {
        { "0", 3, 0 },
        { "217, 482", 3, 1 },
        { "n02102040", 2, 1 },
        { " n02979186 , 0", 4, 0 },
        { "tench", 3, 0 },
        { "English springer, English springer spaniel", 2, 1 },
        { "cassette player", 1, 2 },
    };
    struct error err;
    char whole[65];
    struct dataset *d = make_set(labels, 6, NULL, &err);
    memcpy(whole, d->fingerprint, sizeof whole);
    dataset_close(d);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        d = make_set(labels, 6, cases[i].only, &err);
        if (d == NULL)
            fail_msg("%s", err.text);
        assert_int_equal(d->count, cases[i].count);
        assert_string_equal(d->ids[0], path_of("%zu.JPEG", cases[i].first));
        assert_int_equal(d->labels[0], labels[cases[i].first]);
        assert_string_not_equal(d->fingerprint, whole);
        assert_string_equal(d->kind->name, "imagenet_list");
        dataset_close(d);
    }
    static const struct given wrong[] = {
        { "0, 5", "no image of class 5" },
        { "goldfish", "no image of class goldfish, whose index is 1" },
        { "n00000001", "'n00000001' is none of the model's 1000 classes" },
        { "cranes, 0", "'cranes' is none of the model's 1000 classes" },
        { "crane", "2 of the model's classes are called 'crane'" },
        { "0,,1", "an empty word" },
        { "/no/such/ids.txt", "/no/such/ids.txt: No such file" },
        { "nothere.txt", "nothere.txt: No such file" },
        { "/tmp", "/tmp: a folder" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_null(make_set(labels, 6, wrong[i].text, &err));
        assert_fails(err.code, E_CONFIG, &err, wrong[i].says, NULL);
        assert_string_equal(err.key, "data.only");
    }
}

/* A number is a label as the list has it. */
static void test_only_numbers(void **state)
{
    (void)state;
    const char *list = path_of("%s/list.txt", test_folder);
    struct error err;
    struct dataset *d = make_set((const int[]){ 1, 2, 3 }, 3, NULL, &err);
    dataset_close(d);
    struct dataset_options options = {
        .kind = "imagenet_list", .path = list, .only = "2", .label_base = 1
    };
    assert_int_equal(dataset_open(&options, &d, &err), OK);
    assert_int_equal(d->count, 1);
    assert_string_equal(d->ids[0], "1.JPEG");
    assert_int_equal(d->labels[0], 1);
    dataset_close(d);
    options.only = "0";
    assert_fails(dataset_open(&options, &d, &err), E_CONFIG, &err, "label 0", NULL);
    /* an ILSVRC2012_ID, and nothing says of which class */
    options = (struct dataset_options){ .kind = "demo",
                                        .path = path_of("%s/demo", test_folder),
                                        .only = "3",
                                        .classes = "ilsvrc2012_id",
                                        .demo_images = 10 };
    assert_fails(dataset_open(&options, &d, &err), E_CONFIG, &err, "3 is taken for an ILSVRC",
                 "data.devkit", NULL);
}

/* What could be a file and a class is not guessed. */
static void test_only_both(void **state)
{
    (void)state;
    static const int labels[] = { 0, 217, 482 };
    struct error err;
    char here[4096];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(test_folder), 0);
    write_text(path_of("%s/tench", test_folder), "2.JPEG\n");
    assert_null(make_set(labels, 3, "tench", &err));
    assert_fails(err.code, E_CONFIG, &err, "both a file", "./tench", NULL);
    struct dataset *d = make_set(labels, 3, "./tench", &err);
    assert_non_null(d);
    assert_int_equal(d->labels[0], 482);
    dataset_close(d);
    assert_int_equal(chdir(here), 0);
}

static void test_only_ids(void **state)
{
    (void)state;
    static const int labels[] = { 0, 1, 2, 3 };
    char path[4096];
    struct error err;
    snprintf(path, sizeof path, "%s/ids.txt", test_folder);
    write_text(path, "# two of them\n3.JPEG\n1.JPEG\n");
    struct dataset *d = make_set(labels, 4, path, &err);
    if (d == NULL)
        fail_msg("%s", err.text);
    assert_int_equal(d->count, 2);
    assert_string_equal(d->ids[0], "1.JPEG");
    assert_string_equal(d->ids[1], "3.JPEG");
    assert_int_equal(dataset_view_index(d, 1), 3);
    dataset_close(d);
    write_text(path, "1.JPEG\n9.JPEG\n");
    assert_null(make_set(labels, 4, path, &err));
    assert_fails(err.code, E_CONFIG, &err, "ids.txt:2: ", "9.JPEG", NULL);
    for (int i = 0; i < 2; i++) {
        write_text(path, i == 0 ? "" : "# none\n\n");
        assert_null(make_set(labels, 4, path, &err));
        assert_fails(err.code, E_CONFIG, &err, "ids.txt: no ids in it", NULL);
        assert_string_equal(err.key, "data.only");
    }
}

/* A view loads the images that it names. */
static void test_view(void **state)
{
    (void)state;
    struct error err;
    for (int i = 0; i < 3; i++) {
        struct image image = make_picture(10 + i, 8, 1);
        write_jpeg(path_of("%s/v%d.JPEG", test_folder, i), &image);
        image_free(&image);
    }
    const char *list = path_of("%s/views.txt", test_folder);
    write_text(list, "v0.JPEG 5\nv1.JPEG 6\nv2.JPEG 7\n");
    const struct dataset_options options = { .kind = "imagenet_list", .path = list };
    struct dataset *inner, *view;
    assert_int_equal(dataset_open(&options, &inner, &err), OK);
    char print[65];
    memcpy(print, inner->fingerprint, sizeof print);
    size_t *indices = calloc(2, sizeof *indices);
    indices[0] = 2;
    indices[1] = 0;
    assert_int_equal(dataset_view(inner, indices, 2, &view, &err), OK);
    assert_int_equal(view->count, 2);
    assert_int_equal(view->labels[0], 7);
    assert_string_equal(view->ids[1], "v0.JPEG");
    assert_string_equal(view->fingerprint, print);
    for (size_t i = 0; i < 2; i++) {
        struct sample s;
        assert_int_equal(dataset_load(view, i, &s, &err), OK);
        assert_int_equal(s.image.width, i == 0 ? 12 : 10);
        sample_free(&s);
    }
    struct sample s;
    assert_int_equal(dataset_load(view, 2, &s, &err), E_DATA);
    dataset_close(view);
}

int main(void)
{
    return RUN_TESTS(make_test_folder, remove_test_folder, TEST(test_even), TEST(test_gaps),
                     TEST(test_random), TEST(test_only_classes), TEST(test_only_numbers),
                     TEST(test_only_both), TEST(test_only_ids), TEST(test_view));
}
