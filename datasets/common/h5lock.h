/* HDF5 is not re-entrant as Debian builds it: every call into it, from a data set or the result
 * store, stands between these two. */
#pragma once

void h5_lock(void);
void h5_unlock(void);
