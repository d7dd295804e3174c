#pragma once
/* The messages of a .mexit file (mexit.proto), as protoc-c generates them. */
#include "mexit.pb-c.h"
