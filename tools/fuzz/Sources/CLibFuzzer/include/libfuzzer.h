// What libFuzzer offers to the code that it drives. Its other functions are found by name: LLVMFuzzerTestOneInput and
// LLVMFuzzerCustomMutator are defined in Swift.
#ifndef MEXIT_LIBFUZZER_H
#define MEXIT_LIBFUZZER_H

#include <stddef.h>
#include <stdint.h>

// Changes some of the `size` bytes and gives their new number, at most `limit`. Only from within a custom mutator.
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t limit);

#endif
