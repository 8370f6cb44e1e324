/* CALL(be, linear, .rows = 3, ...): a backend's operation on its arguments by their names. */
#pragma once

#include "backend.h"

#define CALL(be, name, ...) (be)->op.name(be, &(struct name##_args){ __VA_ARGS__ })
