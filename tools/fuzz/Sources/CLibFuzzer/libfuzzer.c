// SwiftPM wants a source file in every target; libFuzzer's archive defines the function.
#include "libfuzzer.h"
