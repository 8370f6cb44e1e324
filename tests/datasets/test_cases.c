/* ../shared/cases: inputs on which an earlier evalh failed; skipped with a message where they are
 * missing. */
#include "fixtures.h"

#include <stdlib.h>
#include <string.h>

static const char *cases; /* NULL: not there */

static struct dataset *open_list(const char *name, enum status want, struct error *err)
{
    struct dataset *d;
    const struct dataset_options options = { .kind = "imagenet_list",
                                             .path = path_of("%s/lists/%s", cases, name),
                                             .head_classes = 1000 };
    *err = (struct error){ 0 };
    enum status status = dataset_open(&options, &d, err);
    if (status != want)
        print_error("%s: %s\n", name, err->text);
    assert_int_equal(status, want);
    return d;
}

static void check_labels(const char *name)
{
    static const int labels[] = { 0, 217, 482 };
    struct error err;
    struct dataset *d = open_list(name, OK, &err);
    assert_int_equal(d->count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(d->labels[i], labels[i]);
    dataset_close(d);
}

static void test_lists(void **state)
{
    (void)state;
    struct error err;
    if (cases == NULL)
        skip();
    check_labels("l_plain.txt");
    check_labels("l_wnid.txt");
    check_labels("p/l_hash_name.txt");
    open_list("l_same_file_by_two_names.txt", E_CONFIG, &err);
    assert_non_null(strstr(err.text, ":3: "));
}

/* The solution names files by their ids, which the pictures here do not have. */
static void test_solution(void **state)
{
    (void)state;
    if (cases == NULL)
        skip();
    char *top = make_folder();
    size_t size;
    uint8_t *bytes = slurp(path_of("%s/lists/LOC_val_solution.csv", cases), &size);
    for (int i = 1; i <= 3; i++)
        write_text(path_of("%s/ILSVRC2012_val_%08d.JPEG", top, i), "any");
    write_file(path_of("%s/solution.csv", top), bytes, size);
    free(bytes);
    const struct dataset_options options = { .kind = "imagenet_list",
                                             .path = path_of("%s/solution.csv", top),
                                             .head_classes = 1000 };
    struct dataset *d;
    struct error err;
    assert_int_equal(dataset_open(&options, &d, &err), OK);
    assert_int_equal(d->labels[0], 0);
    assert_int_equal(d->labels[1], 217);
    assert_int_equal(d->labels[2], 482);
    dataset_close(d);
    remove_folder(top);
}

int main(void)
{
    const char *shared = shared_folder();
    if (shared != NULL)
        cases = path_of("%s/cases", shared);
    return RUN_TESTS(NULL, NULL, TEST(test_lists), TEST(test_solution));
}
