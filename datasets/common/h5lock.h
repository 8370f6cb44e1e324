/* Debian's HDF5 is not re-entrant: every call into it, from a data set or the result store, is made
 * between these two. */
#pragma once

void h5_lock(void);
void h5_unlock(void);
