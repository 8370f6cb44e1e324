#include <archive.h>
#include <cjson/cJSON.h>
#include <dnnl.h>
#include <gnu/libc-version.h>
#include <hdf5.h>
#include <openblas_config.h>
#include <openssl/crypto.h>
#include <png.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>
/* jpeglib.h wants stdio.h before it */
#include <jpeglib.h>

#include "doctor.h"

/* Declared here because distributions disagree on the name of the OpenBLAS header that has it. */
extern char *openblas_get_config(void);

static void first_line_of(const char *command, char *out, size_t size)
{
    out[0] = '\0';
    FILE *f = popen(command, "r");
    if (f == NULL)
        return;
    if (fgets(out, (int)size, f) == NULL)
        out[0] = '\0';
    pclose(f);
    out[strcspn(out, "\n")] = '\0';
}

void doctor_libraries(struct doctor *d)
{
    const dnnl_version_t *dnnl = dnnl_version();
    unsigned major = 0, minor = 0, release = 0;
    char gnuplot[100], blas[64] = "of no known version";
    H5get_libversion(&major, &minor, &release);
    /* "OpenBLAS 0.3.21 NO_AFFINITY ..." */
    sscanf(openblas_get_config(), "OpenBLAS %63s", blas);
    doctor_say(d, DOCTOR_OK, "libraries", "oneDNN %d.%d.%d, OpenBLAS %s, HDF5 %u.%u.%u, glibc %s",
               dnnl->major, dnnl->minor, dnnl->patch, blas, major, minor, release,
               gnu_get_libc_version());
    doctor_say(d, DOCTOR_OK, "libraries",
               "libjpeg-turbo API %d, libpng %s, %s, libzip %s, cJSON %s, %s", JPEG_LIB_VERSION,
               png_get_libpng_ver(NULL), archive_version_string(), zip_libzip_version(),
               cJSON_Version(), OpenSSL_version(OPENSSL_VERSION));
    first_line_of("gnuplot --version 2>/dev/null", gnuplot, sizeof gnuplot);
    if (gnuplot[0] != '\0')
        doctor_say(d, DOCTOR_OK, "libraries", "%s", gnuplot);
    else
        doctor_say(d, DOCTOR_NOTE, "libraries",
                   "there is no gnuplot: runs and tables work, figures do not (Debian: "
                   "gnuplot-nox)");
}

/* "model name : AMD EPYC ..." of the first processor. */
static void processor_name(char *out, size_t size)
{
    char line[256];
    snprintf(out, size, "a processor without a name");
    FILE *f = fopen("/proc/cpuinfo", "r");
    if (f == NULL)
        return;
    while (fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, "model name", 10) == 0 && strchr(line, ':') != NULL) {
            line[strcspn(line, "\n")] = '\0';
            snprintf(out, size, "%s", strchr(line, ':') + 2);
            break;
        }
    fclose(f);
}

void doctor_processor(struct doctor *d)
{
    char name[256], features[200] = "";
    processor_name(name, sizeof name);
    double memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
#ifdef __x86_64__
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool avx512 = __builtin_cpu_supports("avx512f") != 0;
    snprintf(features, sizeof features, "; avx2 %s, avx512f %s, avx512_bf16 %s",
             avx2 ? "yes" : "no", avx512 ? "yes" : "no",
             __builtin_cpu_supports("avx512bf16") ? "yes" : "no");
    if (!avx2)
        doctor_say(d, DOCTOR_NOTE, "processor",
                   "without avx2 and fma the portable code runs, which is several "
                   "times slower");
#endif
    doctor_say(d, DOCTOR_OK, "processor", "%s, %ld cores online, %.1f GiB memory%s", name,
               sysconf(_SC_NPROCESSORS_ONLN), memory / 1073741824.0, features);
    const char *const *engines = backend_names();
    char list[200] = "";
    for (size_t i = 0, used = 0; engines[i] != NULL && used < sizeof list; i++) {
        struct backend *be = NULL;
        struct error err;
        const struct backend_options o = { .threads = 1, .simd = "" };
        bool opens = backend_open(engines[i], &o, &be, &err) == OK;
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s%s", used > 0 ? ", " : "",
                                 engines[i], opens ? "" : " (does not open here)");
        if (opens)
            backend_close(be);
        else
            doctor_say(d, DOCTOR_NOTE, "engines", "%s: %s", engines[i], err.text);
    }
    doctor_say(d, DOCTOR_OK, "engines", "in this build: %s", list);
}
