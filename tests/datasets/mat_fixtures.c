#include "mat_fixtures.h"

#include <stdio.h>
#include <stdlib.h>

hobj_ref_t mat_put(hid_t file, const char *name, const struct field *f)
{
    const hsize_t one[2] = { 1, 1 };
    char cell[32];
    hobj_ref_t ref;
    hid_t space = H5Screate_simple(f->rank, f->dims, NULL);
    hid_t set = H5Dcreate2(file, name, f->type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (f->data != NULL)
        H5Dwrite(set, f->type, H5S_ALL, H5S_ALL, H5P_DEFAULT, f->data);
    H5Dclose(set);
    H5Sclose(space);
    H5Rcreate(&ref, file, name, H5R_OBJECT, -1);
    if (!f->in_cell)
        return ref;
    snprintf(cell, sizeof cell, "%s-cell", name);
    const struct field around = { 2, { one[0], one[1] }, H5T_STD_REF_OBJ, &ref, false };
    return mat_put(file, cell, &around);
}

void mat_write(const char *path, const struct field *images, const struct field *masks,
               size_t count)
{
    hid_t properties = H5Pcreate(H5P_FILE_CREATE);
    H5Pset_userblock(properties, 512);
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, properties, H5P_DEFAULT);
    assert_true(file >= 0);
    H5Gclose(H5Gcreate2(file, "value", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    const struct field *fields[2] = { images, masks };
    for (int f = 0; f < 2; f++) {
        if (fields[f] == NULL)
            continue;
        hobj_ref_t *refs = calloc(count, sizeof *refs);
        for (size_t i = 0; i < count; i++) {
            char name[32];
            snprintf(name, sizeof name, "%s%zu", f == 0 ? "i" : "m", i);
            refs[i] = mat_put(file, name, &fields[f][i]);
        }
        const struct field list = { 2, { count, 1 }, H5T_STD_REF_OBJ, refs, false };
        mat_put(file, f == 0 ? "/value/img" : "/value/gt", &list);
        free(refs);
    }
    H5Fclose(file);
    H5Pclose(properties);
}
