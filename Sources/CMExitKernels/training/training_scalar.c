#include "mexit_training.h"

#include "lanes_scalar.h"
#include "training_loops.h"
