/* libFuzzer target: gtsegs_ijcv.mat. The input describes a file that HDF5 itself writes, sound as
 * HDF5 and anything as a gtsegs: what is fuzzed is our layer. (HDF5 1.10 is not made for damaged
 * files and dies of some; those targets belong to HDF5.) */
#include <stdlib.h>
#include <string.h>

#include <hdf5.h>

#include "fuzz_input.h"
#include "gtsegs.h"
#include "memory_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define OBJECTS 8

/* Sides: mostly small; now and then one that no memory holds. */
static hsize_t take_side(struct input *in)
{
    unsigned b = take(in);
    return b < 240 ? b % 6 : (hsize_t)1 << (b - 240) * 4;
}

/* As h5py stores bool. Made once: a target runs for ever. */
static hid_t enum_type(void)
{
    static hid_t type = -1;
    int8_t value = 0;
    if (type >= 0)
        return type;
    type = H5Tenum_create(H5T_STD_I8LE);
    H5Tenum_insert(type, "FALSE", &value);
    value = 1;
    H5Tenum_insert(type, "TRUE", &value);
    return type;
}

static hid_t take_type(struct input *in)
{
    switch (take(in) % 9) {
    case 8:
        return enum_type();
    case 0:
        return H5T_STD_I8LE;
    case 1:
        return H5T_STD_U16LE;
    case 2:
        return H5T_IEEE_F32LE;
    case 3:
        return H5T_C_S1;
    case 4:
        return H5T_STD_REF_DSETREG;
    case 5:
        return H5T_STD_REF_OBJ;
    default:
        return H5T_STD_U8LE;
    }
}

/* A data set of any shape. Large ones are chunked and stay unwritten, as a hostile file would have
 * them. refs: what it holds where it holds references. */
static void put_set(hid_t file, const char *name, hid_t type, struct input *in,
                    const hobj_ref_t *refs)
{
    hsize_t dims[4], chunk[4] = { 1, 1, 1, 1 }, points = 1;
    int rank = (int)(take(in) % 5);
    for (int d = 0; d < rank; d++) {
        dims[d] = take_side(in);
        if (__builtin_mul_overflow(points, dims[d], &points))
            points = UINT64_MAX;
    }
    bool small = points <= 256;
    hid_t space = rank > 0 ? H5Screate_simple(rank, dims, NULL) : H5Screate(H5S_SCALAR);
    hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    if (!small)
        H5Pset_chunk(list, rank, chunk);
    hid_t set = H5Dcreate2(file, name, type, space, H5P_DEFAULT, list, H5P_DEFAULT);
    if (set >= 0 && small && take(in) % 8 != 0) {
        unsigned char raw[256 * 16];
        for (size_t i = 0; i < sizeof raw; i++)
            raw[i] = (unsigned char)(take(in) % 4 == 3 ? 255 : take(in) % 2); /* masks, mostly */
        if (type == H5T_STD_REF_OBJ)
            for (size_t i = 0; i < 256; i++)
                memcpy(raw + i * sizeof *refs, &refs[take(in) % OBJECTS], sizeof *refs);
        if (type != H5T_STD_REF_DSETREG)
            H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, raw);
    }
    if (set >= 0)
        H5Dclose(set);
    H5Pclose(list);
    H5Sclose(space);
}

static hid_t write_file(struct input *in)
{
    hobj_ref_t refs[OBJECTS] = { 0 };
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_core(access, 1 << 14, 0);
    hid_t file = H5Fcreate("fuzz.mat", H5F_ACC_TRUNC, H5P_DEFAULT, access);
    H5Pclose(access);
    H5Gclose(H5Gcreate2(file, "/value", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Rcreate(&refs[0], file, "/value", H5R_OBJECT, -1); /* a group; refs[7] stays null */
    for (int i = 1; i < 7; i++) {
        char name[8];
        snprintf(name, sizeof name, "/o%d", i);
        hid_t type = i < 3 ? H5T_STD_U8LE : i == 4 ? H5T_STD_REF_OBJ : take_type(in);
        put_set(file, name, type, in, refs);
        if (H5Lexists(file, name, H5P_DEFAULT) > 0)
            H5Rcreate(&refs[i], file, name, H5R_OBJECT, -1);
    }
    put_set(file, "/value/img", take(in) % 8 == 0 ? take_type(in) : H5T_STD_REF_OBJ, in, refs);
    put_set(file, "/value/gt", take(in) % 8 == 0 ? take_type(in) : H5T_STD_REF_OBJ, in, refs);
    H5Fflush(file, H5F_SCOPE_GLOBAL);
    return file;
}

static void check(const char *path)
{
    struct gtsegs *g;
    struct error err = { 0 };
    if (gtsegs_open(path, false, ORDER_AUTO, ORDER_AUTO, &g, &err) != OK) {
        if (g != NULL || err.code != E_CONFIG || strncmp(err.text, path, strlen(path)) != 0)
            abort();
        return;
    }
    struct sha256 hash;
    sha256_begin(&hash);
    for (size_t i = 0; i < gtsegs_count(g) && i < 6; i++) {
        struct image image = { 0 };
        int8_t *mask = NULL;
        if (gtsegs_image(g, i, &image, &err) == OK) {
            if (gtsegs_mask(g, GTSEGS_GT, i, image.width, image.height, &mask, &err) == OK)
                for (int p = 0; p < image.width * image.height; p++)
                    if (mask[p] < -1 || mask[p] > 1)
                        abort();
        } else if (image.rgb != NULL || err.text[0] == '\0') {
            abort();
        }
        free(mask);
        image_free(&image);
        for (int f = GTSEGS_IMG; f <= GTSEGS_GT; f++)
            if (gtsegs_peek(g, (enum gtsegs_field)f, i, 1000, &hash) > 1000)
                abort();
    }
    gtsegs_close(g);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static uint8_t image[4 << 20];
    struct input in = { bytes, size };
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    hid_t file = write_file(&in);
    ssize_t length = H5Fget_file_image(file, image, sizeof image);
    H5Fclose(file);
    if (length <= 0)
        return 0;
    struct memory_file f = memory_file(image, (size_t)length);
    check(f.path);
    memory_file_close(&f);
    return 0;
}
