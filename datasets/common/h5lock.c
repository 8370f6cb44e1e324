#include "h5lock.h"

#include <pthread.h>
#include <stdlib.h>

#include <hdf5.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* evalh writes new files and renames them, and has a lock of its own around a run: HDF5's would
 * only fail where a file system has none. Read by HDF5 when it begins; what the user has set stays.
 */
__attribute__((constructor)) static void choose_locking(void)
{
    setenv("HDF5_USE_FILE_LOCKING", "FALSE", 0);
}

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
