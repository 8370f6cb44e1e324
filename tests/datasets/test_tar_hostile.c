/* kind = imagenet_tar: tars that lie, are damaged, or change while they are read. */
#include "fixtures.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tar_set.h"

struct hostile {
    const char *what; /* also the name of the file */
    void (*make)(struct bytes *);
    const char *says[3];
};

static void make_empty(struct bytes *b)
{
    (void)b;
}

static void make_noise(struct bytes *b)
{
    for (unsigned i = 0, x = 1; i < 4096; i++) {
        x = x * 1664525u + 1013904223u;
        bytes_put(b, &(uint8_t){ (uint8_t)(x >> 24) }, 1);
    }
}

static void make_zeros(struct bytes *b)
{
    tar_end(b);
}

static void make_gzip(struct bytes *b)
{
    bytes_put(b, "\x1f\x8b\x08", 3);
    make_noise(b);
}

static void make_cut(struct bytes *b)
{
    tar_put_picture(b, 0);
    tar_put_picture(b, 1);
    b->size -= 700;
}

static void make_endless(struct bytes *b)
{
    tar_put_picture(b, 0);
    tar_put_picture(b, 1);
}

static void make_huge(struct bytes *b)
{
    tar_put_picture(b, 0);
    tar_header(b, "big.JPEG", '0', (uint64_t)1 << 62);
    tar_end(b);
}

static void make_huge_other(struct bytes *b)
{
    tar_put_picture(b, 0);
    tar_header(b, "big.txt", '0', (uint64_t)1 << 40);
    tar_end(b);
}

static void make_absolute(struct bytes *b)
{
    tar_member(b, "/etc/x.JPEG", '0', tar_pictures[0].at, tar_pictures[0].size);
    tar_end(b);
}

static void make_dotdot(struct bytes *b)
{
    tar_member(b, "a/../../x.JPEG", '0', tar_pictures[0].at, tar_pictures[0].size);
    tar_end(b);
}

static void make_control(struct bytes *b)
{
    tar_member(b, "a\x1b[2Jx.JPEG", '0', tar_pictures[0].at, tar_pictures[0].size);
    tar_end(b);
}

static void make_symlink(struct bytes *b)
{
    tar_member(b, "link.JPEG", '2', NULL, 0);
    tar_end(b);
}

static void make_hardlink(struct bytes *b)
{
    tar_put_picture(b, 0);
    tar_member(b, "hard.JPEG", '1', NULL, 0);
    tar_end(b);
}

static void make_twice(struct bytes *b)
{
    tar_put_picture(b, 0);
    tar_put_picture(b, 1);
    tar_put_picture(b, 0);
    tar_end(b);
}

static void make_checksum(struct bytes *b)
{
    tar_put_picture(b, 0);
    size_t at = b->size;
    tar_put_picture(b, 1);
    b->at[at + 3] ^= 1;
    tar_end(b);
}

static void make_others(struct bytes *b)
{
    tar_member(b, "a.txt", '0', "x", 1);
    tar_end(b);
}

/* pax, GNU.sparse.1.0: the map in front of the data. */
static void make_sparse(struct bytes *b)
{
    static const char pax[] = "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"
                              "30 GNU.sparse.name=hole.JPEG\n29 GNU.sparse.realsize=90000\n";
    char map[512] = "1\n512\n512\n";
    struct bytes body = { 0 };
    tar_put_picture(b, 0);
    tar_member(b, "pax", 'x', pax, sizeof pax - 1);
    bytes_put(&body, map, sizeof map);
    bytes_put(&body, map, sizeof map);
    tar_member(b, "GNUSparseFile.0/hole.JPEG", '0', body.at, body.size);
    bytes_free(&body);
    tar_end(b);
}

/* The same, all hole: nothing is stored. */
static void make_hole(struct bytes *b)
{
    static const char pax[] = "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"
                              "30 GNU.sparse.name=hole.JPEG\n27 GNU.sparse.realsize=900\n";
    const char map[512] = "0\n";
    tar_member(b, "pax", 'x', pax, sizeof pax - 1);
    tar_member(b, "GNUSparseFile.0/hole.JPEG", '0', map, sizeof map);
    for (int i = 0; i < TAR_IMAGES; i++)
        tar_put_picture(b, i);
    tar_end(b);
}

/* Two archives, as cat joins them. */
static void make_joined(struct bytes *b)
{
    tar_put_picture(b, 0);
    tar_end(b);
    tar_put_picture(b, 1);
    tar_end(b);
}

/* A header in the middle that was never written. */
static void make_gap(struct bytes *b)
{
    tar_put_picture(b, 0);
    size_t at = b->size;
    tar_put_picture(b, 1);
    memset(b->at + at, 0, 512);
    tar_put_picture(b, 2);
    tar_end(b);
}

/* Its last byte, far behind the end mark. */
static void make_last_byte(struct bytes *b)
{
    tar_put_picture(b, 0);
    for (int i = 0; i < 200; i++)
        tar_end(b);
    b->at[b->size - 1] = 1;
}

static const struct hostile hostiles[] = {
    { "empty.tar", make_empty, { "too few" } },
    { "noise.tar", make_noise, { "not a tar" } },
    { "zeros.tar", make_zeros, { "no images" } },
    { "gzip.tar", make_gzip, { "gzip", "gunzip" } },
    { "cut.tar", make_cut, { "00000002.JPEG", "beyond the end" } },
    { "endless.tar", make_endless, { "00000002.JPEG", "end mark" } },
    { "huge.tar", make_huge, { "big.JPEG", "beyond the end" } },
    { "huge_other.tar", make_huge_other, { "big.txt", "beyond the end" } },
    { "absolute.tar", make_absolute, { "/etc/x.JPEG", "absolute" } },
    { "dotdot.tar", make_dotdot, { "a/../../x.JPEG", "'..'" } },
    { "control.tar", make_control, { "a?[2Jx.JPEG", "control" } },
    { "symlink.tar", make_symlink, { "link.JPEG", "link" } },
    { "hardlink.tar", make_hardlink, { "hard.JPEG", "link" } },
    { "twice.tar", make_twice, { "two images", "00000001.JPEG" } },
    { "checksum.tar", make_checksum, { "00000001.JPEG", "damaged after" } },
    { "joined.tar", make_joined, { "00000001.JPEG", "more follows at byte " } },
    { "gap.tar", make_gap, { "00000001.JPEG", "incomplete download" } },
    { "last_byte.tar", make_last_byte, { "its end mark lies at byte ", "more follows at byte " } },
    { "others.tar", make_others, { "no images", "1 other" } },
    { "sparse.tar", make_sparse, { "hole.JPEG", "sparse" } },
    { "hole.tar", make_hole, { "hole.JPEG", "" } },
};

static void test_hostile(void **state)
{
    (void)state;
    struct dataset *d;
    struct error err;
    for (size_t i = 0; i < sizeof hostiles / sizeof *hostiles; i++) {
        struct bytes b = { 0 };
        hostiles[i].make(&b);
        const char *path = tar_save(hostiles[i].what, &b);
        assert_fails(tar_open(path, NULL, tar_devkit(), &d, &err), E_CONFIG, &err, path,
                     hostiles[i].says[0], hostiles[i].says[1], NULL);
        assert_null(d);
    }
    assert_fails(tar_open(tar_top, NULL, tar_devkit(), &d, &err), E_CONFIG, &err, tar_top,
                 "not a file", NULL);
    assert_fails(tar_open("/no/such.tar", NULL, tar_devkit(), &d, &err), E_CONFIG, &err,
                 "/no/such.tar", NULL);
}

/* Nothing waits for who might write into a pipe. */
static void test_pipe(void **state)
{
    (void)state;
    struct dataset *d;
    struct error err;
    const char *path = path_of("%s/pipe.tar", tar_top);
    assert_int_equal(mkfifo(path, 0600), 0);
    alarm(20);
    assert_fails(tar_open(path, NULL, tar_devkit(), &d, &err), E_CONFIG, &err, path, "not a file",
                 NULL);
    alarm(0);
}

/* Cut off anywhere, it is refused: a run never takes the rest for the whole. */
static void test_every_cut(void **state)
{
    (void)state;
    struct dataset *d;
    struct error err;
    struct stat st;
    const char *path = tar_save_sound("cuts.tar");
    assert_int_equal(stat(path, &st), 0);
    for (off_t cut = (st.st_size - 1025) / 256 * 256; cut >= 0; cut -= 256) {
        assert_int_equal(truncate(path, cut), 0);
        assert_fails(tar_open(path, NULL, tar_devkit(), &d, &err), E_CONFIG, &err, path, NULL);
    }
}

/* Any damaged byte of the headers: refused, or read as something, and no crash. */
static void test_every_damage(void **state)
{
    (void)state;
    struct error err;
    size_t refused = 0;
    const char *path = tar_save_sound("damaged.tar");
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    for (off_t at = 0; at < 4 * 512; at++) {
        struct dataset *d;
        uint8_t was;
        assert_int_equal(pread(fd, &was, 1, at), 1);
        assert_int_equal(pwrite(fd, &(uint8_t){ was ^ 0x11 }, 1, at), 1);
        enum status status = tar_open(path, NULL, tar_devkit(), &d, &err);
        assert_true(status == OK || status == E_CONFIG);
        refused += status != OK;
        dataset_close(d);
        assert_int_equal(pwrite(fd, &was, 1, at), 1);
    }
    close(fd);
    assert_true(refused > 900); /* checksums guard all headers */
}

/* A tar that shrinks under an open set: the images it lost fail, the others do not. */
static void test_shrinks(void **state)
{
    (void)state;
    struct dataset *d;
    struct sample sample;
    struct error err;
    const char *path = tar_save_sound("shrinks.tar");
    assert_int_equal(tar_open(path, NULL, tar_devkit(), &d, &err), OK);
    assert_int_equal(truncate(path, 4 * 512 + (long)tar_pictures[3].size), 0);
    tar_check_image(d, 3, 3);
    assert_fails(dataset_load(d, 2, &sample, &err), E_IO, &err, path, tar_image_name(2), "longer",
                 NULL);
    dataset_close(d);
}

static size_t load_all(struct dataset *d)
{
    size_t bad = 0;
    for (size_t n = 0; n < 40; n++) {
        struct sample sample;
        struct error err;
        size_t i = (n * 7) % d->count;
        bad += dataset_load(d, i, &sample, &err) != OK || sample.image.width != 20 + 3 * (int)i;
        sample_free(&sample);
    }
    return bad;
}

static void test_threads(void **state)
{
    (void)state;
    struct dataset *d;
    struct error err;
    assert_int_equal(tar_open(tar_save_sound("threads.tar"), NULL, tar_devkit(), &d, &err), OK);
    assert_loads_in_threads(d, load_all);
    dataset_close(d);
}

int main(void)
{
    return RUN_TESTS(tar_make_all, tar_remove_all, TEST(test_hostile), TEST(test_pipe),
                     TEST(test_every_cut), TEST(test_every_damage), TEST(test_shrinks),
                     TEST(test_threads));
}
