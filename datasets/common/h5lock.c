#include "h5lock.h"

#include <pthread.h>
#include <stdlib.h>

#include <hdf5.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* evalh writes new files and renames them, and locks a whole run itself. HDF5's own locks would
 * only fail on file systems that have none, so they are switched off. HDF5 reads the variable when
 * it starts; a value that the user has set stays. */
__attribute__((constructor)) static void choose_locking(void)
{
    setenv("HDF5_USE_FILE_LOCKING", "FALSE", 0);
}

/* Libraries do not print, but HDF5's error stack would go to stderr. And after a write that failed
 * on a full disk, HDF5's clean-up at exit crashes the program; so it is switched off, and each file
 * is closed by the code that opened it. */
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
