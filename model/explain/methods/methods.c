/* The list of all explanation methods, in the order of meson.build. */
#include "method.h"
#include "method_list.h"

#define DECLARE(name) extern const struct method method_##name;
METHOD_LIST(DECLARE)
#undef DECLARE

#define ROW(name) &method_##name.info,
const struct explain_method *const explain_methods[] = { METHOD_LIST(ROW) NULL };
