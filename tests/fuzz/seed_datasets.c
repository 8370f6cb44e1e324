/* seed_datasets FOLDER: writes the seeds of the data sets' targets and of the config's to
 * FOLDER/TARGET/, which must exist. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archives.h"
#include "decode.h"
#include "npy.h"

static const char *top;

static void save(const char *target, int number, char first, const void *bytes, size_t size)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s/seed%d", top, target, number);
    FILE *f = fopen(path, "wb");
    if (f == NULL || (first != '\0' && fputc(first, f) == EOF) ||
        fwrite(bytes, 1, size, f) != size || fclose(f) != 0) {
        perror(path);
        exit(1);
    }
}

static void seed_pictures(void)
{
    uint8_t rgb[24 * 20 * 3];
    for (size_t i = 0; i < sizeof rgb; i++)
        rgb[i] = (uint8_t)(i * 37 + i / 60 * 11);
    const struct image image = { 24, 20, rgb };
    for (int q = 0; q < 3; q++) {
        uint8_t *bytes;
        size_t size;
        if (jpeg_encode(&image, 20 + 35 * q, &bytes, &size, NULL) != OK)
            exit(1);
        save("jpeg", q, '\0', bytes, size);
        free(bytes);
    }
    struct bytes grey = make_flat_jpeg(1, 77), cmyk = make_flat_jpeg(4, 200);
    save("jpeg", 3, '\0', grey.at, grey.size);
    save("jpeg", 4, '\0', cmyk.at, cmyk.size);
    bytes_free(&grey);
    bytes_free(&cmyk);
    char path[1024];
    snprintf(path, sizeof path, "%s/png/seed0", top);
    if (image_write_png(path, &image, NULL) != OK)
        exit(1);
    /* Rows of every kind of PNG: 6 x 4 pixels, depth, colour type. */
    static const uint8_t kinds[][2] = { { 1, 0 },  { 8, 0 }, { 16, 0 }, { 8, 2 },
                                        { 16, 2 }, { 2, 3 }, { 8, 3 },  { 8, 4 },
                                        { 16, 4 }, { 8, 6 }, { 16, 6 } };
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        static const size_t channels[7] = { 1, 0, 3, 1, 2, 0, 4 };
        uint8_t raw[13 + 4 * 49] = { 0, 0, 0, 6, 0, 0, 0, 4, kinds[k][0], kinds[k][1] };
        size_t line = 1 + (6 * channels[kinds[k][1]] * kinds[k][0] + 7) / 8;
        for (size_t i = 0; i < 4 * line; i++)
            raw[13 + i] = i % line == 0 ? (uint8_t)(i / line) : rgb[i] & 3;
        save("png", 1 + (int)k, 'R', raw, 13 + 4 * line);
    }
}

static void seed_tar(void)
{
    static const char pax[] = "19 path=new/p.JPEG\n", name[] = "a/very/long/name.JPEG";
    static const char sparse[] = "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"
                                 "28 GNU.sparse.name=hole.JPEG\n29 GNU.sparse.realsize=90000\n";
    const char map[512] = "1\n512\n512\n";
    struct bytes b = { 0 };
    tar_member(&b, "./", '5', NULL, 0);
    tar_member(&b, "a.JPEG", '0', "hello", 5);
    tar_member(&b, "././@LongLink", 'L', name, sizeof name);
    tar_member(&b, "a/very", '0', "hello", 5);
    tar_end(&b);
    save("tar", 0, '\0', b.at, b.size);
    b.size = 0;
    tar_member(&b, "x", 'x', pax, sizeof pax - 1);
    tar_member(&b, "p.JPEG", '0', "hello", 5);
    tar_member(&b, "l.JPEG", '2', NULL, 0);
    tar_end(&b);
    save("tar", 1, '\0', b.at, b.size);
    b.size = 0;
    tar_member(&b, "x", 'x', sparse, sizeof sparse - 1);
    tar_member(&b, "hole.JPEG", '0', map, sizeof map);
    tar_header(&b, "big.JPEG", '0', (uint64_t)1 << 62);
    tar_header(&b, "old.JPEG", 'S', 1024);
    tar_end(&b);
    save("tar", 2, '\0', b.at, b.size);
    b.size = 0;
    tar_member(&b, "val/n01440764/", '5', NULL, 0);
    tar_member(&b, "val/n02102040/a.JPEG", '0', "hello", 5);
    tar_member(&b, "./val//n01440764/b.JPEG", '0', "hello", 5);
    tar_member(&b, "train/c.JPEG", '0', "hello", 5);
    tar_end(&b);
    save("tar", 3, '\0', b.at, b.size);
    bytes_free(&b);
}

static void seed_synsets(void)
{
    static const struct synset tree[] = { { 2, "n00000020", 0 }, { 300, "n00000030", 2 } };
    for (int style = 0; style < 6; style++) {
        const struct mat_style s = { .packed = style == 4,
                                     .wide_text = (style & 1) != 0,
                                     .no_children = style == 5 };
        struct bytes b = mat_file(tree, 2, &s);
        if (style < 4)
            save("synsets", style, style < 2 ? 'E' : 'Z', b.at + 128, b.size - 128);
        else
            save("synsets", style, '\0', b.at, b.size);
        bytes_free(&b);
    }
}

static void seed_texts(void)
{
    static const char *const lists[] = { "a.JPEG 1\nb.JPEG 999\n",
                                         "ImageId,PredictionString\na,n01440764 1 2 3 4\n",
                                         "x_n02102040.JPEG\n#b.JPEG 3\n./a.JPEG n01440764\n",
                                         "\xef\xbb\xbf# x\r\n1\r\n1000\r\n",
                                         "dir/a b.JPEG \t 7\n\n#c\n2147483647 2147483647" };
    static const char *const configs[] = {
        "[run]\nname = a\nprotocol = paper\nlimit = 3\n[explain]\nmethods = raw, rollout\n"
        "class = predicted, target\ndiscard = 0.2\nrow_norm = yes\n",
        "; c\n[data]\nkind = demo\npath = ${HOME}/x\nimages = auto\n[compute]\nbatch = 4\n",
        "[model]\narch=vim\ncheckpoint = a b ; c\n[task]\nkind = perturbation, segmentation\n"
        "fill=mean\ndirections = positive\n",
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        save("list", (int)i, '\0', lists[i], strlen(lists[i]));
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++)
        save("config", (int)i, '\0', configs[i], strlen(configs[i]));
}

static void seed_gtsegs(void)
{
    uint8_t noise[700];
    for (int seed = 0; seed < 8; seed++) {
        unsigned x = (unsigned)seed + 1;
        for (size_t i = 0; i < sizeof noise; i++) {
            x = x * 1664525u + 1013904223u;
            noise[i] = (uint8_t)(x >> 24);
        }
        save("gtsegs", seed, '\0', noise, sizeof noise);
    }
}

static void seed_npy(void)
{
    static const char *const headers[] = {
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (14, 14), }  \n",
        "{'shape': (1, 1, 1), 'fortran_order': True, 'descr': '>f4'}",
    };
    char path[1024];
    static const float values[6] = { 0, 1, -1, 0.5f, 1e30f, 3 };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        save("npy", (int)i, 'H', headers[i], strlen(headers[i]));
    snprintf(path, sizeof path, "%s/npy/whole", top);
    if (npy_write(path, values, 2, 3, NULL) != OK)
        exit(1);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: seed_datasets FOLDER\n");
        return 2;
    }
    top = argv[1];
    seed_pictures();
    seed_tar();
    seed_synsets();
    seed_texts();
    seed_gtsegs();
    seed_npy();
    return 0;
}
