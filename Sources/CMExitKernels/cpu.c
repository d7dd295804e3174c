/* Which instruction sets this CPU runs. This file has no target attribute: it must run on any CPU. */
#include "mexit_cpu.h"
