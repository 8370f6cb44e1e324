/* kind = imagenet: the index of a class never depends on which folders happen to be there. */
#include "fixtures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archives.h"
#include "class_list.h"
#include "ilsvrc2012.h"
#include "tar_set.h"

static struct class_list imagenet;
static int trees;

static int make_classes(void **state)
{
    make_test_folder(state);
    return class_list_parse(ilsvrc2012_classes, "x", &imagenet, NULL);
}

static int free_classes(void **state)
{
    class_list_free(&imagenet);
    return remove_test_folder(state);
}

/* Makes a new tree. Opening a set decodes nothing, so the images are arbitrary bytes. */
static const char *new_tree(void)
{
    static char paths[64][4096];
    char *tree = paths[trees];
    snprintf(tree, sizeof paths[0], "%s/tree%d", test_folder, trees++);
    assert_true(trees < 64);
    assert_int_equal(mkdir(tree, 0777), 0);
    return tree;
}

static void put_image(const char *tree, const char *folder)
{
    write_text(path_of("%s/val/%s/image_of_%s.JPEG", tree, folder, folder), folder);
}

static void put_numbers(const char *tree, int first, int count)
{
    for (int i = first; i < first + count; i++)
        put_image(tree, path_of("%d", i));
}

struct opening {
    const char *tree, *classes, *checkpoint, *devkit;
    int head;
    const char *only;
};

static enum status open_path(const struct opening *o, const char *kind, const char *path,
                             struct dataset **out, struct error *err)
{
    const struct dataset_options options = {
        .kind = kind,
        .path = path,
        .classes = o->classes,
        .checkpoint = o->checkpoint,
        .devkit = o->devkit,
        .head_classes = o->head,
        .only = o->only,
    };
    *err = (struct error){ 0 };
    return dataset_open(&options, out, err);
}

/* A tar of the tree is the same set, and is refused for the same reasons. */
static void compare_tar(const struct opening *o, enum status status, const struct dataset *tree,
                        const struct error *why)
{
    const char *path = tar_pack(o->tree);
    struct dataset *d;
    struct error err;
    if (path == NULL || (status != OK && strstr(why->text, "not a file, but") != NULL))
        return;
    enum status got = open_path(o, "imagenet_tar", path, &d, &err);
    if (got != status)
        fail_msg("the tree: %s; the tar: %s", status != OK ? why->text : "sound",
                 got != OK ? err.text : "sound");
    if (status == OK) {
        assert_int_equal(d->count, tree->count);
        assert_string_equal(strstr(d->description, ".tar: ") + 6,
                            strstr(tree->description, "/val: ") + 6);
        for (size_t i = 0; i < d->count; i++) {
            assert_memory_equal(d->ids[i], "val/", 4);
            assert_string_equal(d->ids[i] + 4, tree->ids[i]);
            assert_int_equal(d->labels[i], tree->labels[i]);
        }
    } else if (strstr(why->text, "/val: ") != NULL) {
        assert_string_equal(strstr(err.text, ".tar: ") + 6, strstr(why->text, "/val: ") + 6);
    } else {
        assert_string_equal(err.text, why->text);
    }
    dataset_close(d);
}

static enum status open_set(const struct opening *o, struct dataset **out, struct error *err)
{
    enum status status = open_path(o, "imagenet", o->tree, out, err);
    compare_tar(o, status, *out, err);
    return status;
}

/* The label of the image in `folder`, of a set that opens. */
static int label_of(const struct opening *o, const char *folder)
{
    struct dataset *d;
    struct error err;
    int label = -1;
    if (open_set(o, &d, &err) != OK)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < d->count; i++)
        if (strncmp(d->ids[i], folder, strlen(folder)) == 0 && d->ids[i][strlen(folder)] == '/')
            label = d->labels[i];
    dataset_close(d);
    return label;
}

static void check_refused(const struct opening *o, const char *says, const char *more)
{
    struct dataset *d;
    struct error err;
    assert_fails(open_set(o, &d, &err), E_CONFIG, &err, o->tree, says, more, NULL);
    assert_null(d);
}

/* data.only leaves this one image, or is refused with these words. */
static void check_only(const struct opening *o, const char *id, int label)
{
    struct dataset *d;
    struct error err;
    if (open_set(o, &d, &err) != OK) {
        assert_string_equal(err.key, "data.only");
        assert_non_null(strstr(err.text, id));
        return;
    }
    assert_int_equal(d->count, 1);
    assert_string_equal(d->ids[0], id);
    assert_int_equal(d->labels[0], label);
    dataset_close(d);
}

/* ---- WordNet ids ----------------------------------------------------------------------------- */

static void test_ilsvrc2012(void **state)
{
    (void)state;
    assert_int_equal(imagenet.count, ILSVRC2012_CLASSES);
    for (int i = 1; i < imagenet.count; i++)
        assert_true(strcmp(imagenet.wnid[i - 1], imagenet.wnid[i]) < 0);
    /* known from everyone's lists */
    assert_int_equal(class_list_find(&imagenet, "n01440764"), 0);
    assert_int_equal(class_list_find(&imagenet, "n02102040"), 217);
    assert_int_equal(class_list_find(&imagenet, "n02979186"), 482);
    assert_int_equal(class_list_find(&imagenet, "n15075141"), 999);
    assert_int_equal(class_list_find(&imagenet, "n00000001"), -1);
}

/* Imagenette: ten of the thousand. */
static void test_subset(void **state)
{
    (void)state;
    static const struct {
        const char *wnid;
        int index;
    } classes[] = { { "n01440764", 0 },   { "n02102040", 217 }, { "n02979186", 482 },
                    { "n03000684", 491 }, { "n03028079", 497 }, { "n03394916", 566 },
                    { "n03417042", 569 }, { "n03425413", 571 }, { "n03445777", 574 },
                    { "n03888257", 701 } };
    const struct opening o = { .tree = new_tree(), .head = 1000 };
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        put_image(o.tree, classes[i].wnid);
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        assert_int_equal(label_of(&o, classes[i].wnid), classes[i].index);
    const struct opening ten = { .tree = o.tree, .head = 10 };
    check_refused(&ten, "10 classes", "data.classes");
}

/* All but one from the middle: no class behind it moves. */
static void test_missing(void **state)
{
    (void)state;
    const struct opening o = { .tree = new_tree(), .head = 1000 };
    for (int i = 0; i < imagenet.count; i++)
        if (i != 500)
            put_image(o.tree, imagenet.wnid[i]);
    struct dataset *d;
    struct error err;
    assert_int_equal(open_set(&o, &d, &err), OK);
    assert_int_equal(d->count, 999);
    for (size_t i = 0; i < d->count; i++)
        assert_int_equal(d->labels[i], i < 500 ? i : i + 1);
    dataset_close(d);
}

/* Extra, renamed, half renamed: the error says which. */
static void test_unknown(void **state)
{
    (void)state;
    static const char *const names[] = { "n01440765", "n01440764_old", "tench",
                                         "N01440764", "n0144076",      "backup" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct opening o = { .tree = new_tree(), .head = 1000 };
        put_image(o.tree, "n01443537");
        put_image(o.tree, names[i]);
        check_refused(&o, path_of("folder '%s' (1 images)", names[i]), "ILSVRC2012");
    }
}

static void test_links(void **state)
{
    (void)state;
    const struct opening o = { .tree = new_tree(), .head = 1000 };
    put_image(o.tree, "n01443537");
    assert_int_equal(symlink("/no/such/folder", path_of("%s/val/n01440764", o.tree)), 0);
    check_refused(&o, "val/n01440764", "leads nowhere");
    unlink(path_of("%s/val/n01440764", o.tree));
    write_text(path_of("%s/elsewhere/x.JPEG", o.tree), "x");
    assert_int_equal(symlink("../elsewhere", path_of("%s/val/n02979186", o.tree)), 0);
    assert_int_equal(label_of(&o, "n02979186"), 482);
    assert_int_equal(symlink("nothing", path_of("%s/val/n01443537/y.JPEG", o.tree)), 0);
    check_refused(&o, "n01443537/y.JPEG", "leads nowhere");
}

/* An image counts once: not again by a class folder, or a file, that is a link to another. */
static void test_linked_twice(void **state)
{
    (void)state;
    const struct opening folders = { .tree = new_tree(), .head = 1000 };
    put_image(folders.tree, "n01443537");
    assert_int_equal(symlink("n01443537", path_of("%s/val/n02979186", folders.tree)), 0);
    check_refused(&folders, "folders 'n01443537' and 'n02979186' are one", "counts once");
    for (int hard = 0; hard < 2; hard++) {
        const struct opening files = { .tree = new_tree(), .head = 1000 };
        put_image(files.tree, "n01443537");
        put_image(files.tree, "n02979186");
        const char *one = path_of("%s/val/n01443537/image_of_n01443537.JPEG", files.tree),
                   *two = path_of("%s/val/n02979186/other.JPEG", files.tree);
        assert_int_equal(hard ? link(one, two) : symlink(one, two), 0);
        check_refused(&files, "'n02979186/other.JPEG' is the same file",
                      "'n01443537/image_of_n01443537.JPEG'");
    }
}

/* ---- whose classes --------------------------------------------------------------------------- */

static void test_beside_checkpoint(void **state)
{
    (void)state;
    const char *folder = path_of("%s/beside", test_folder);
    write_text(path_of("%s/classes.txt", folder), "n00000003 c\nn00000001 a\nn00000002 b\n");
    const struct opening o = { .tree = new_tree(),
                               .head = 3,
                               .checkpoint = path_of("%s/model.safetensors", folder) };
    put_image(o.tree, "n00000001");
    put_image(o.tree, "n00000003");
    assert_int_equal(label_of(&o, "n00000001"), 1);
    assert_int_equal(label_of(&o, "n00000003"), 0);
    const struct opening four = { o.tree, NULL, o.checkpoint, NULL, 4, NULL };
    check_refused(&four, "classes.txt names 3 classes", "has 4");
    put_image(o.tree, "n00000004");
    check_refused(&o, "folder 'n00000004'", "classes.txt");
}

static void test_named_file(void **state)
{
    (void)state;
    const char *file = path_of("%s/animals.txt", test_folder);
    write_text(file, "zebra\ncat\nthe other dog\n");
    const struct opening o = { .tree = new_tree(), .head = 3, .classes = file };
    put_image(o.tree, "cat");
    put_image(o.tree, "the other dog");
    assert_int_equal(label_of(&o, "cat"), 1);
    assert_int_equal(label_of(&o, "the other dog"), 2);
    put_image(o.tree, "cow");
    check_refused(&o, "folder 'cow'", "animals.txt");
    put_image(o.tree, "calf");
    check_refused(&o, "folder 'calf' (1 images), as 1 other,", "animals.txt");
    const char *marked = path_of("%s/marked.txt", test_folder); /* as Windows' editor saves */
    write_text(marked, "\xef\xbb\xbf"
                       "cat\r\ndog\r\n");
    const struct opening two = { .tree = new_tree(), .head = 2, .classes = marked };
    put_image(two.tree, "cat");
    assert_int_equal(label_of(&two, "cat"), 0);
    const char *cranes = path_of("%s/cranes.txt", test_folder); /* the bird and the machine */
    write_text(cranes, "crane\ncat\ncrane\n");
    const struct opening cranes_of = { .tree = new_tree(), .head = 3, .classes = cranes };
    put_image(cranes_of.tree, "crane");
    check_refused(&cranes_of, "folder 'crane': two of the model's classes", "cranes.txt");
    const struct opening none = { o.tree, "/no/such/file", NULL, NULL, 3, NULL };
    struct dataset *d;
    struct error err;
    assert_fails(open_set(&none, &d, &err), E_CONFIG, &err, "/no/such/file", NULL);
}

/* As torchvision's ImageFolder has it, where the user says so. */
static void test_by_folder(void **state)
{
    (void)state;
    struct opening o = { .tree = new_tree(), .head = 3, .classes = "folders" };
    put_image(o.tree, "cat");
    put_image(o.tree, "ant");
    check_refused(&o, "2 folders", "3 classes");
    write_text(path_of("%s/val/bee/none.txt", o.tree), "an empty class");
    assert_int_equal(label_of(&o, "cat"), 2);
    assert_int_equal(label_of(&o, "ant"), 0);
    o.classes = NULL;
    check_refused(&o, "3 classes", "data.classes");
}

/* ---- numbers --------------------------------------------------------------------------------- */

static void test_indices(void **state)
{
    (void)state;
    const struct opening all = { .tree = new_tree(), .head = 1000 };
    put_numbers(all.tree, 0, 1000);
    for (int i = 0; i < 1000; i += 111)
        assert_int_equal(label_of(&all, path_of("%d", i)), i);
    const struct opening twelve = { .tree = new_tree(), .head = 12 };
    put_numbers(twelve.tree, 0, 12);
    assert_int_equal(label_of(&twelve, "2"), 2);
    assert_int_equal(label_of(&twelve, "10"), 10);
    const struct opening padded = { .tree = new_tree(), .head = 3 };
    put_image(padded.tree, "000");
    put_image(padded.tree, "002");
    put_image(padded.tree, "001");
    assert_int_equal(label_of(&padded, "002"), 2);
}

static void test_undecidable(void **state)
{
    (void)state;
    struct opening o = { .tree = new_tree(), .head = 10 };
    put_numbers(o.tree, 0, 12);
    check_refused(&o, "12 folders", "data.classes = index");
    o.head = 1000;
    check_refused(&o, "12 folders", "data.classes = index");
    o.classes = "index";
    assert_int_equal(label_of(&o, "11"), 11);
    o.only = "11";
    check_only(&o, "11/image_of_11.JPEG", 11);
    o.only = NULL;
    o.head = 10;
    check_refused(&o, "folder '10'", "0 to 9");
    struct opening gap = { .tree = new_tree(), .head = 10 };
    put_numbers(gap.tree, 0, 5);
    put_numbers(gap.tree, 6, 5);
    check_refused(&gap, "10 folders", "data.classes");
    struct opening twice = { .tree = new_tree(), .head = 3 };
    put_numbers(twice.tree, 0, 3);
    put_image(twice.tree, "02");
    check_refused(&twice, "4 folders", "data.classes");
    struct opening mixed = { .tree = new_tree(), .head = 1000 };
    put_numbers(mixed.tree, 0, 1000);
    put_image(mixed.tree, "more");
    check_refused(&mixed, "folder '0'", "1000 others");
}

/* ILSVRC2012_IDs run the other way round than the WordNet ids here. */
static const char *reversed_devkit(void)
{
    static char folder[4096];
    snprintf(folder, sizeof folder, "%s/devkit", test_folder);
    struct synset *tree = calloc((size_t)imagenet.count, sizeof *tree);
    for (int i = 0; i < imagenet.count; i++)
        tree[i] = (struct synset){ 1000 - i, imagenet.wnid[i], 0 };
    struct bytes mat =
        mat_file(tree, (size_t)imagenet.count, &(struct mat_style){ .packed = true });
    write_file(path_of("%s/meta.mat", folder), mat.at, mat.size);
    bytes_free(&mat);
    free(tree);
    return folder;
}

static void test_ids(void **state)
{
    (void)state;
    struct opening o = { .tree = new_tree(), .head = 1000 };
    put_numbers(o.tree, 1, 1000);
    check_refused(&o, "ILSVRC2012_IDs", "data.devkit");
    o.devkit = reversed_devkit();
    assert_int_equal(label_of(&o, "1000"), 0);
    assert_int_equal(label_of(&o, "1"), 999);
    struct opening part = { .tree = new_tree(), .head = 1000, .devkit = o.devkit };
    put_numbers(part.tree, 1, 20);
    check_refused(&part, "20 folders", "ilsvrc2012_id");
    part.classes = "ilsvrc2012_id";
    assert_int_equal(label_of(&part, "20"), 980);
    /* data.only names them alike */
    struct opening one = part;
    one.only = "20";
    check_only(&one, "20/image_of_20.JPEG", 980);
    one.only = "980";
    check_only(&one, "no image of class 980, whose index is 20", -1);
    one.only = "1001";
    check_only(&one, "1001 is taken for an ILSVRC2012_ID", -1);
    struct opening all = o;
    all.only = "20";
    check_only(&all, "20/image_of_20.JPEG", 980);
    /* A model whose classes have yet another order, given by its classes.txt. */
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    for (int i = 0; i < imagenet.count; i++)
        fprintf(f, "%s\n", imagenet.wnid[(i + 1) % imagenet.count]);
    fclose(f);
    write_text(path_of("%s/shifted/classes.txt", test_folder), text);
    free(text);
    o.checkpoint = path_of("%s/shifted/model.pth", test_folder);
    assert_int_equal(label_of(&o, "1000"), 999);
    assert_int_equal(label_of(&o, "999"), 0);
}

/* ---- what is no image ------------------------------------------------------------------------ */

static void test_not_files(void **state)
{
    (void)state;
    const struct opening pipe = { .tree = new_tree(), .head = 1000 };
    put_image(pipe.tree, "n01440764");
    assert_int_equal(mkfifo(path_of("%s/val/n01440764/x.JPEG", pipe.tree), 0600), 0);
    check_refused(&pipe, "n01440764/x.JPEG", "a pipe");
    const struct opening folder = { .tree = new_tree(), .head = 1000 };
    put_image(folder.tree, "n01440764");
    assert_int_equal(mkdir(path_of("%s/val/n01440764/x.jpg", folder.tree), 0700), 0);
    check_refused(&folder, "n01440764/x.jpg", "a folder");
    struct image image;
    struct error err;
    const char *path = path_of("%s/val/n01440764/x.JPEG", pipe.tree);
    assert_fails(image_read(path, &image, &err), E_IO, &err, path, "not a regular file", NULL);
}

int main(void)
{
    return RUN_TESTS(make_classes, free_classes, TEST(test_ilsvrc2012), TEST(test_subset),
                     TEST(test_missing), TEST(test_unknown), TEST(test_links),
                     TEST(test_linked_twice), TEST(test_beside_checkpoint), TEST(test_named_file),
                     TEST(test_by_folder), TEST(test_indices), TEST(test_undecidable),
                     TEST(test_ids), TEST(test_not_files));
}
