#pragma once
/* The messages of a .mexit file (mexit.proto) and of the server (serve.proto), as protoc-c generates them. */
#include "mexit.pb-c.h"
#include "serve.pb-c.h"
