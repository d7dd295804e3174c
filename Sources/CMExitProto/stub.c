#include "CMExitProto.h"
