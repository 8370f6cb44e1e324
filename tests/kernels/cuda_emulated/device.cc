/* The device as a whole: the switches of the environment, errors and the last of them, which
 * devices there are and what they can. Switch (EVALH_EMULATED): devices=N. */
#include <stdlib.h>

#include "runtime.h"

long emulated_option(const char *name, long otherwise)
{
    const char *p = getenv("EVALH_EMULATED");
    const size_t length = strlen(name);
    for (; p != NULL && *p != '\0'; p = strchr(p, ',') != NULL ? strchr(p, ',') + 1 : NULL)
        if (strncmp(p, name, length) == 0 && p[length] == '=')
            return atol(p + length + 1);
    return otherwise;
}

/* ---- errors ---- */

static cudaError_t last_error;

cudaError_t emulated_answer(cudaError_t e)
{
    if (e != cudaSuccess)
        last_error = e;
    return e;
}

const char *cudaGetErrorString(cudaError_t e)
{
    switch (e) {
#define EMULATED_CASE(name, value, text)                                                           \
    case name:                                                                                     \
        return text;
        EMULATED_ERRORS(EMULATED_CASE)
#undef EMULATED_CASE
    }
    return "?";
}

const char *cudaGetErrorName(cudaError_t e)
{
    switch (e) {
#define EMULATED_CASE(name, value, text)                                                           \
    case name:                                                                                     \
        return #name;
        EMULATED_ERRORS(EMULATED_CASE)
#undef EMULATED_CASE
    }
    return "?";
}

cudaError_t cudaGetLastError(void)
{
    const cudaError_t e = last_error;
    last_error = cudaSuccess;
    return e;
}

/* ---- devices ---- */

static int device_count(void)
{
    return (int)emulated_option("devices", 1);
}

cudaError_t cudaGetDeviceCount(int *count)
{
    *count = device_count();
    return emulated_answer(*count == 0 ? cudaErrorNoDevice : cudaSuccess);
}

cudaError_t cudaSetDevice(int device)
{
    return emulated_answer(device < 0 || device >= device_count() ? cudaErrorInvalidDevice
                                                                  : cudaSuccess);
}

cudaError_t cudaDriverGetVersion(int *version)
{
    *version = CUDART_VERSION;
    return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr what, int device)
{
    if (device < 0 || device >= device_count())
        return emulated_answer(cudaErrorInvalidDevice);
    *value = what == cudaDevAttrComputeCapabilityMajor ? 8
             : what == cudaDevAttrMultiProcessorCount  ? 108
                                                       : 163 << 10;
    return cudaSuccess;
}
