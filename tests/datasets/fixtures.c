#include "fixtures.h"

#include <errno.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jpeglib.h>

static bool exists(const char *path)
{
    return access(path, R_OK) == 0;
}

const char *shared_folder(void)
{
    static char beside[4096];
    const char *given = getenv("EVALH_SHARED"), *source = getenv("EVALH_SOURCE_ROOT");
    if (given != NULL && exists(given))
        return given;
    snprintf(beside, sizeof beside, "%s/../shared", source != NULL ? source : ".");
    if (exists(beside))
        return beside;
    if (exists("/work/shared"))
        return "/work/shared";
    fprintf(stderr,
            "SKIPPED: no golden files; set EVALH_SHARED, or put shared/ beside the source\n");
    return NULL;
}

char *make_folder(void)
{
    const char *base = getenv("TMPDIR");
    char *path = NULL;
    assert_true(asprintf(&path, "%s/evalh-test-XXXXXX", base != NULL ? base : "/tmp") > 0);
    assert_non_null(mkdtemp(path));
    return path;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st, (void)kind, (void)where;
    return remove(path);
}

void remove_folder(char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(path);
}

char *test_folder;

int make_test_folder(void **state)
{
    (void)state;
    test_folder = make_folder();
    return 0;
}

int remove_test_folder(void **state)
{
    (void)state;
    remove_folder(test_folder);
    return 0;
}

const char *path_of(const char *format, ...)
{
    static char paths[16][4096];
    static int next;
    char *path = paths[next++ % 16];
    va_list args;
    va_start(args, format);
    vsnprintf(path, sizeof paths[0], format, args);
    va_end(args);
    return path;
}

void write_file(const char *path, const void *bytes, size_t size)
{
    char *folder = strdup(path);
    for (char *slash = strchr(folder + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        assert_true(mkdir(folder, 0777) == 0 || errno == EEXIST);
        *slash = '/';
    }
    free(folder);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes != NULL ? bytes : "", 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

void write_text(const char *path, const char *text)
{
    write_file(path, text, strlen(text));
}

uint8_t *slurp(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*size + 1);
    assert_int_equal(fread(bytes, 1, *size, file), *size);
    fclose(file);
    return bytes;
}

struct image make_picture(int width, int height, unsigned seed)
{
    struct image image = { width, height, malloc((size_t)width * (size_t)height * 3) };
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < 3; c++)
                image.rgb[(y * width + x) * 3 + c] =
                    (uint8_t)(128 + 60 * ((x / 5 + y / 7 + c) % 3 - 1) +
                              (int)((unsigned)(x * 7 + y * 13 + c * 29) + seed * 31) % 64);
    return image;
}

uint8_t *encode_jpeg(const struct image *image, const struct jpeg_style *style, size_t *size)
{
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr errors;
    unsigned char *bytes = NULL;
    unsigned long length = 0;
    static const jpeg_scan_info scans[3] = { { 1, { 0 }, 0, 63, 0, 0 },
                                             { 1, { 1 }, 0, 63, 0, 0 },
                                             { 1, { 2 }, 0, 63, 0, 0 } };
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &bytes, &length);
    info.image_width = (JDIMENSION)image->width;
    info.image_height = (JDIMENSION)image->height;
    info.input_components = 3;
    info.in_color_space = JCS_RGB;
    jpeg_set_defaults(&info);
    if (style->luma == 0)
        jpeg_set_colorspace(&info, JCS_GRAYSCALE);
    else
        info.comp_info[0].h_samp_factor = info.comp_info[0].v_samp_factor = style->luma;
    if (style->progressive)
        jpeg_simple_progression(&info);
    if (style->separate) {
        info.scan_info = scans;
        info.num_scans = info.num_components;
    }
    jpeg_start_compress(&info, TRUE);
    while (info.next_scanline < info.image_height) {
        JSAMPROW row = image->rgb + (size_t)info.next_scanline * (size_t)image->width * 3;
        jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    *size = length;
    return bytes;
}

void write_jpeg(const char *path, const struct image *image)
{
    size_t size;
    uint8_t *bytes = encode_jpeg(image, &(struct jpeg_style){ .luma = 2 }, &size);
    write_file(path, bytes, size);
    free(bytes);
}

struct loading {
    struct dataset *dataset;
    size_t (*load)(struct dataset *);
    size_t failed;
};

static void *run_load(void *arg)
{
    struct loading *l = arg;
    l->failed = l->load(l->dataset);
    return NULL;
}

void assert_loads_in_threads(struct dataset *dataset, size_t (*load)(struct dataset *))
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    struct loading loadings[THREADS];
    for (int t = 0; t < THREADS; t++) {
        loadings[t] = (struct loading){ .dataset = dataset, .load = load };
        assert_int_equal(pthread_create(&threads[t], NULL, run_load, &loadings[t]), 0);
    }
    for (int t = 0; t < THREADS; t++) {
        pthread_join(threads[t], NULL);
        assert_int_equal(loadings[t].failed, 0);
    }
}

void assert_fails(enum status got, enum status want, const struct error *err, ...)
{
    if (got != want)
        print_error("status %d, not %d; message: %s\n", (int)got, (int)want, err->text);
    assert_int_equal(got, want);
    assert_int_equal(err->code, want);
    va_list args;
    va_start(args, err);
    for (const char *text; (text = va_arg(args, const char *)) != NULL;) {
        if (strstr(err->text, text) == NULL)
            print_error("message lacks '%s': %s\n", text, err->text);
        assert_non_null(strstr(err->text, text));
    }
    va_end(args);
}
