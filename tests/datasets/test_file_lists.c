/* Lists of images: labels by index and by WordNet id, names that carry theirs, Kaggle's files; and
 * what must not be read as something else. */
#include "fixtures.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int make_files(void **state)
{
    static const char *const names[] = { "a0.JPEG",
                                         "a1.JPEG",
                                         "a2.JPEG",
                                         "#a0.JPEG",
                                         "#b.JPEG",
                                         "p/c.png",
                                         "x_n02102040.JPEG",
                                         "x y_n01440764.JPEG",
                                         "ILSVRC2012_val_00000001.JPEG",
                                         "ILSVRC2012_val_00000002.JPEG",
                                         "k.png" };
    make_test_folder(state);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        write_text(path_of("%s/%s", test_folder, names[i]), names[i]);
    return 0;
}

static enum status open_text(const char *text, int base, const char *classes, int head,
                             struct dataset **out, struct error *err)
{
    const char *path = path_of("%s/list.txt", test_folder);
    const struct dataset_options options = { .kind = "imagenet_list",
                                             .path = path,
                                             .label_base = base,
                                             .classes = classes,
                                             .head_classes = head };
    write_text(path, text);
    *err = (struct error){ 0 };
    TRY(dataset_open(&options, out, err));
    enum status status =
        head > 0 ? dataset_check_labels(*out, (*out)->count, &options, head, err) : OK;
    if (status != OK)
        dataset_close(*out);
    return status;
}

struct expected {
    const char *id;
    int label;
};

static void check_list(const char *text, const struct expected *want, size_t count)
{
    struct dataset *d;
    struct error err;
    if (open_text(text, 0, NULL, 1000, &d, &err) != OK)
        fail_msg("%s", err.text);
    assert_int_equal(d->count, count);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(d->ids[i], want[i].id);
        assert_int_equal(d->labels[i], want[i].label);
    }
    dataset_close(d);
}

static void check_refused(const char *text, const char *where, const char *says)
{
    struct dataset *d;
    struct error err;
    assert_fails(open_text(text, 0, NULL, 1000, &d, &err), E_CONFIG, &err, where, says, NULL);
}

static void test_wnids(void **state)
{
    (void)state;
    static const struct expected want[] = { { "a0.JPEG", 0 },
                                            { "a1.JPEG", 217 },
                                            { "a2.JPEG", 482 } };
    check_list("a0.JPEG n01440764\na1.JPEG\tn02102040\na2.JPEG 482\n", want, 3);
    check_refused("a0.JPEG n01440764\na1.JPEG n01440765\n", ":2: ", "n01440765");
    check_refused("a0.JPEG n0144076\n", ":1: ", "WordNet id");
    check_refused("a0.JPEG n014407640\n", ":1: ", "WordNet id");
}

static void test_wnids_in_names(void **state)
{
    (void)state;
    static const struct expected want[] = { { "x_n02102040.JPEG", 217 },
                                            { "x y_n01440764.JPEG", 0 },
                                            { "a0.JPEG", 5 } };
    check_list("x_n02102040.JPEG\nx y_n01440764.JPEG\na0.JPEG 5\n", want, 3);
    check_refused("a0.JPEG\n", ":1: ", "class index");
    check_refused("x_n02102040\n", ":1: ", "class index");
}

static void test_kaggle(void **state)
{
    (void)state;
    static const struct expected want[] = { { "ILSVRC2012_val_00000001.JPEG", 0 },
                                            { "ILSVRC2012_val_00000002.JPEG", 217 },
                                            { "k.png", 482 } };
    check_list("ImageId,PredictionString\nILSVRC2012_val_00000001,n01440764 85 1 499 272 \r\n"
               "ILSVRC2012_val_00000002,n02102040 1 2 3 4 n02102040 5 6 7 8\nk,n02979186\n",
               want, 3);
    check_list("# solution\nImageId,Class\nILSVRC2012_val_00000001.JPEG,0\n"
               "ILSVRC2012_val_00000002,217\nk.png,n02979186\n",
               want, 3);
    check_list("imageid,label\nILSVRC2012_val_00000001,0\nILSVRC2012_val_00000002,217\nk,482", want,
               3);
    static const struct given cases[] = {
        { "ILSVRC2012_val_00000001,n01440764 1 2 3 4 n02102040 5 6 7 8", "two classes" },
        { "ILSVRC2012_val_00000001,n01440764 1 x 3 4", "coordinate" },
        { "ILSVRC2012_val_00000001,3 6 8", "one class an image" }, /* several labels */
        { "ILSVRC2012_val_00000001,3 6 8 10 12", "one class an image" },
        { "ILSVRC2012_val_00000001,n01440764 n02102040", "one class an image" },
        { "ILSVRC2012_val_00000001,n01440764 1 2 3", "one class an image" },
        { "ILSVRC2012_val_00000001,n01440764 1 2 3 4 n01440764", "one class an image" },
        { "ILSVRC2012_val_00000001,n01440764 1 2 3 n02102040", "coordinate" },
        { "ILSVRC2012_val_00000001,", "class index" },
        { "ILSVRC2012_val_00000001", "two columns" },
        { "ILSVRC2012_val_00000001,1,2", "two columns" },
        { "\"ILSVRC2012_val_00000001\",1", "two columns" },
        { ",1", "two columns" },
        { "ILSVRC2012_val_00000003,1", "cannot find 'ILSVRC2012_val_00000003'" },
        { "k,1\nk.png,1", "listed already" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_refused(path_of("ImageId,Class\n%s\n", cases[i].text), "list.txt:", cases[i].says);
    check_refused("a0.JPEG,17\n", ":1: ", "file label"); /* without the header: any text */
}

static void test_hash_names(void **state)
{
    (void)state;
    static const struct expected want[] = { { "#a0.JPEG", 3 }, { "a1.JPEG", 4 }, { "#b.JPEG", 5 } };
    check_list("#a0.JPEG 3\na1.JPEG 4\n#b.JPEG 5\n", want, 3);
    static const struct expected one[] = { { "a1.JPEG", 4 } };
    check_list("# a comment\n#a1.JPEG 7\n# 12\na1.JPEG 4\n# n01440764\n", one, 1);
    check_refused("#c.JPEG 3\n", "list.txt", "no images");
}

static void test_same_file(void **state)
{
    (void)state;
    static const char *const seconds[] = { "./a1.JPEG", ".//a1.JPEG", "p/../a1.JPEG", "././a1.JPEG",
                                           "q/a1.JPEG" };
    symlink(".", path_of("%s/q", test_folder));
    for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++)
        check_refused(path_of("a0.JPEG 0\na1.JPEG 1\n%s 1\n", seconds[i]), ":3: ", "line 2");
    check_refused(path_of("a1.JPEG 1\n%s/a1.JPEG 1\n", test_folder), ":2: ", "the same file");
    /* by a link to a file, by two of them, and by a hard link */
    symlink("a1.JPEG", path_of("%s/l.JPEG", test_folder));
    symlink("q/a1.JPEG", path_of("%s/m.JPEG", test_folder));
    link(path_of("%s/a1.JPEG", test_folder), path_of("%s/h.JPEG", test_folder));
    check_refused("a0.JPEG 1\na1.JPEG 1\nl.JPEG 2\n", ":3: 'l.JPEG'", "'a1.JPEG' in line 2");
    check_refused("m.JPEG 1\na0.JPEG 1\nl.JPEG 2\n", ":3: 'l.JPEG'", "'m.JPEG' in line 1");
    check_refused("h.JPEG 1\na0.JPEG 1\n\na1.JPEG 1\n", ":4: 'a1.JPEG'", "'h.JPEG' in line 1");
    /* Sets are handed around as links, each to a file of its own, and with hard links elsewhere. */
    static const struct expected want[] = { { "h.JPEG", 1 }, { "a0.JPEG", 1 } };
    check_list("h.JPEG 1\na0.JPEG 1\n", want, 2);
    unlink(path_of("%s/h.JPEG", test_folder));
}

/* Of two names of one file in a flat folder, a list may name one. */
static void test_same_file_flat(void **state)
{
    (void)state;
    struct dataset *d;
    struct error err;
    const char *folder = path_of("%s/linked", test_folder);
    struct dataset_options options = { .kind = "imagenet",
                                       .path = folder,
                                       .labels = path_of("%s/linked.txt", test_folder),
                                       .head_classes = 1000 };
    write_text(path_of("%s/a.JPEG", folder), "a");
    symlink("a.JPEG", path_of("%s/b.JPEG", folder));
    write_text(options.labels, "b.JPEG 3\n");
    assert_int_equal(dataset_open(&options, &d, &err), OK);
    dataset_close(d);
    write_text(options.labels, "a.JPEG 3\nb.JPEG 3\n");
    assert_fails(dataset_open(&options, &d, &err), E_CONFIG, &err, folder, "'b.JPEG' is the same",
                 "'a.JPEG'", NULL);
}

static void test_not_files(void **state)
{
    (void)state;
    assert_int_equal(mkfifo(path_of("%s/pipe.JPEG", test_folder), 0600), 0);
    check_refused("pipe.JPEG 0\n", ":1: ", "not a file");
    check_refused("p 0\n", ":1: ", "not a file");
    symlink("nothing", path_of("%s/dangling.JPEG", test_folder));
    check_refused("dangling.JPEG 0\n", ":1: ", "cannot find");
}

static void test_label_base(void **state)
{
    (void)state;
    struct dataset *d;
    struct error err;
    assert_int_equal(open_text("a0.JPEG 1\na1.JPEG 1000\n", 1, NULL, 1000, &d, &err), OK);
    assert_int_equal(d->labels[0], 0);
    assert_int_equal(d->labels[1], 999);
    dataset_close(d);
    assert_fails(open_text("a0.JPEG 1\na1.JPEG 0\n", 1, NULL, 1000, &d, &err), E_CONFIG, &err,
                 ":2: ", "data.label_base", NULL);
    check_refused("a0.JPEG 1\na1.JPEG 1000\n", "label 1000", "data.label_base = 1");
    check_refused("a0.JPEG 1\na1.JPEG 1000\n", "data.classes = ilsvrc2012_id", "data.devkit");
    /* of other heads only where a devkit is there, which some data set may have of its own */
    assert_fails(open_text("a0.JPEG 1\na1.JPEG 20\n", 0, NULL, 20, &d, &err), E_CONFIG, &err,
                 "data.label_base = 1", NULL);
    assert_null(strstr(err.text, "ilsvrc2012_id"));
    assert_int_equal(open_text("a0.JPEG 1\na1.JPEG 20\n", 0, NULL, 0, &d, &err), OK);
    const struct dataset_options devkit = { .devkit = "kit" };
    assert_fails(dataset_check_labels(d, d->count, &devkit, 20, &err), E_CONFIG, &err,
                 "data.classes = ilsvrc2012_id", NULL);
    dataset_close(d);
    check_refused("a0.JPEG 0\na1.JPEG 1000\n", "label 1000", "classes 0 to 999");
    /* a WordNet id has no base */
    assert_int_equal(open_text("a0.JPEG n01440764\n", 1, NULL, 1000, &d, &err), OK);
    assert_int_equal(d->labels[0], 0);
    dataset_close(d);
}

static void test_other_heads(void **state)
{
    (void)state;
    struct dataset *d;
    struct error err;
    static const int heads[] = { 21843, 21841, 11221, 1001 };
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        assert_fails(open_text("a0.JPEG 1\na1.JPEG 999\n", 0, NULL, heads[i], &d, &err), E_CONFIG,
                     &err, "1 to 999", path_of("%d classes", heads[i]), "data.classes", NULL);
        assert_int_equal(open_text("a0.JPEG 1\na1.JPEG 999\n", 0, "index", heads[i], &d, &err), OK);
        dataset_close(d);
        assert_int_equal(open_text("a0.JPEG 1\na1.JPEG 1000\n", 0, NULL, heads[i], &d, &err), OK);
        dataset_close(d);
        assert_fails(open_text("a0.JPEG n01440764\n", 0, NULL, heads[i], &d, &err), E_CONFIG, &err,
                     path_of("%d classes", heads[i]), "data.classes", NULL);
    }
}

/* A folder or an archive without class folders, whose names tell the classes. */
static void test_flat_names(void **state)
{
    (void)state;
    const char *folder = path_of("%s/flat", test_folder);
    struct dataset_options options = { .kind = "imagenet", .path = folder, .head_classes = 1000 };
    struct dataset *d;
    struct error err;
    write_text(path_of("%s/ILSVRC2012_val_00000002_n02102040.JPEG", folder), "b");
    write_text(path_of("%s/ILSVRC2012_val_00000001_n01440764.JPEG", folder), "a");
    assert_int_equal(dataset_open(&options, &d, &err), OK);
    assert_int_equal(d->count, 2);
    assert_int_equal(d->labels[0], 0);
    assert_int_equal(d->labels[1], 217);
    dataset_close(d);
    write_text(path_of("%s/ILSVRC2012_val_00000003_n00000001.JPEG", folder), "c");
    assert_fails(dataset_open(&options, &d, &err), E_CONFIG, &err, "00000003", "n00000001", NULL);
    unlink(path_of("%s/ILSVRC2012_val_00000003_n00000001.JPEG", folder));
    write_text(path_of("%s/ILSVRC2012_val_00000004.JPEG", folder), "d");
    assert_fails(dataset_open(&options, &d, &err), E_CONFIG, &err, "00000004.JPEG", "data.devkit",
                 NULL);
    /* Kaggle's solution labels the flat folder, and may leave images out. */
    options.labels = path_of("%s/LOC_val_solution.csv", test_folder);
    write_text(options.labels, "ImageId,PredictionString\n"
                               "ILSVRC2012_val_00000004,n02979186 85 1 499 272\n");
    assert_int_equal(dataset_open(&options, &d, &err), OK);
    assert_int_equal(d->count, 1);
    assert_string_equal(d->ids[0], "ILSVRC2012_val_00000004.JPEG");
    assert_int_equal(d->labels[0], 482);
    dataset_close(d);
    write_text(options.labels, "ImageId,Class\nILSVRC2012_val_00000009,1\n");
    assert_fails(dataset_open(&options, &d, &err), E_CONFIG, &err,
                 ":2: ", "ILSVRC2012_val_00000009", NULL);
}

int main(void)
{
    return RUN_TESTS(make_files, remove_test_folder, TEST(test_wnids), TEST(test_wnids_in_names),
                     TEST(test_kaggle), TEST(test_hash_names), TEST(test_same_file),
                     TEST(test_same_file_flat), TEST(test_not_files), TEST(test_label_base),
                     TEST(test_other_heads), TEST(test_flat_names));
}
