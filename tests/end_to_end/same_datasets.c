/* same_datasets A.h5 [GROUP] B.h5 [GROUP]: exit 0 where both (or those of their groups) hold the
 * same datasets, bit for bit; names the first that differs. Attributes are provenance and are not
 * compared. */
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct walk {
    hid_t other;
    const char *path;
    size_t count;
};

static int differs(const struct walk *w, const char *name, const char *why)
{
    printf("%s: /%s %s\n", w->path, name, why);
    return 1; /* ends the visit */
}

static herr_t compare(hid_t file, const char *name, const H5O_info_t *info, void *data)
{
    struct walk *w = data;
    if (info->type != H5O_TYPE_DATASET)
        return 0;
    hid_t a = H5Dopen2(file, name, H5P_DEFAULT), b = H5Dopen2(w->other, name, H5P_DEFAULT);
    if (b < 0) {
        H5Dclose(a);
        return differs(w, name, "is missing");
    }
    hid_t ta = H5Dget_type(a), tb = H5Dget_type(b), sa = H5Dget_space(a), sb = H5Dget_space(b);
    size_t bytes = (size_t)H5Sget_simple_extent_npoints(sa) * H5Tget_size(ta);
    int result = 0;
    if (H5Tequal(ta, tb) <= 0 || H5Sextent_equal(sa, sb) <= 0) {
        result = differs(w, name, "has another type or shape");
    } else {
        void *va = malloc(bytes + 1), *vb = malloc(bytes + 1);
        H5Dread(a, ta, H5S_ALL, H5S_ALL, H5P_DEFAULT, va);
        H5Dread(b, ta, H5S_ALL, H5S_ALL, H5P_DEFAULT, vb);
        if (memcmp(va, vb, bytes) != 0)
            result = differs(w, name, "holds other values");
        free(va);
        free(vb);
    }
    H5Sclose(sa);
    H5Sclose(sb);
    H5Tclose(ta);
    H5Tclose(tb);
    H5Dclose(a);
    H5Dclose(b);
    w->count++;
    return result;
}

int main(int argc, char **argv)
{
    if (argc != 3 && argc != 5)
        return 2;
    int step = argc == 3 ? 1 : 2;
    hid_t file[2];
    size_t count[2];
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    for (int i = 0; i < 2; i++) {
        file[i] = H5Fopen(argv[i * step + 1], H5F_ACC_RDONLY, H5P_DEFAULT);
        if (file[i] >= 0 && step == 2)
            file[i] = H5Gopen2(file[i], argv[i * step + 2], H5P_DEFAULT);
        if (file[i] < 0)
            return 2;
    }
    for (int i = 0; i < 2; i++) { /* both ways, so that neither has more */
        struct walk w = { .other = file[1 - i], .path = argv[(1 - i) * step + 1] };
        if (H5Ovisit(file[i], H5_INDEX_NAME, H5_ITER_INC, compare, &w) != 0)
            return 1;
        count[i] = w.count;
    }
    if (count[0] == 0) {
        printf("%s: no datasets\n", argv[1]);
        return 1;
    }
    printf("%zu datasets are the same\n", count[0]);
    return 0;
}
