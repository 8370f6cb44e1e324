/* The backends of this build: adding one is one line here and a function open_NAME. Each line also
 * names the sibling with double arrays. */
#pragma once

#include "backend.h"

#ifdef EVALH_CUDA
#define BACKEND_LIST_CUDA(B) B(cuda, cuda64) B(cuda64, cuda64)
#else
#define BACKEND_LIST_CUDA(B)
#endif

#define BACKEND_LIST(B)                                                                            \
    B(ref, ref64)                                                                                  \
    B(ref64, ref64)                                                                                \
    B(cpu, cpu64)                                                                                  \
    B(cpu64, cpu64)                                                                                \
    BACKEND_LIST_CUDA(B)

/* Makes a backend: everything of struct backend is set but `name` and `failed`. `options` is never
 * NULL. E_CONFIG for options that it cannot honour, E_NOMEM, E_DEVICE. */
typedef enum status backend_open_fn(const struct backend_options *options, struct backend **out,
                                    struct error *err);

#define BACKEND_DECLARE(name, twice) backend_open_fn open_##name;
BACKEND_LIST(BACKEND_DECLARE)
#undef BACKEND_DECLARE
