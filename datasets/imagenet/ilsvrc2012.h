/* The classes of ILSVRC2012 in order of their index, as class_list.h reads them:
 * "n01440764 tench, Tinca tinca\n" and 999 more lines (ilsvrc2012_classes.txt). */
#pragma once

extern const char ilsvrc2012_classes[];
enum { ILSVRC2012_CLASSES = 1000 };
