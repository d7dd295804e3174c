#pragma once
#include "mexit_conv2d.h"
#include "mexit_conv2d_backward.h"
#include "mexit_cpu.h"
#include "mexit_fma_loop.h"
#include "mexit_map.h"
#include "mexit_pointwise.h"
#include "mexit_training.h"
