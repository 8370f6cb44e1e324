#include "h5lock.h"

#include <pthread.h>

#include <hdf5.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Libraries do not print: HDF5's own error stack would go to stderr. And after a write that failed,
 * on a full disk, HDF5's tidying up when the program ends crashes it: files are closed by who
 * opened them. */
static void settle(void)
{
    H5dont_atexit();
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

void h5_lock(void)
{
    pthread_mutex_lock(&mutex);
    pthread_once(&once, settle);
}

void h5_unlock(void)
{
    pthread_mutex_unlock(&mutex);
}
