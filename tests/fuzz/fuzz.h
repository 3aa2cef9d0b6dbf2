/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a fuzzer is: a program with one function that takes any bytes,
 * and a folder of inputs, tests/fuzz/corpus/NAME.
 *
 * With no arguments a fuzzer runs the inputs of its folder once; with
 * files or folders, those.  A build with --enable-fuzzing (CC=clang) has
 * libFuzzer in it and takes its options, too; `make fuzz' uses them.
 */

#ifndef DISKSTACK_FUZZ_H
#define DISKSTACK_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* The folder. */
extern const char fuzz_name[];

/* The function, which libFuzzer knows by this name.  Returns 0; what is
 * wrong ends the program.
 */
extern int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* assert, whatever NDEBUG says. */
#define fuzz_assert(cond)                                                  \
  do {                                                                     \
    if (!(cond)) {                                                         \
      fprintf (stderr, "%s:%d: '%s' failed\n", __FILE__, __LINE__, #cond); \
      abort ();                                                            \
    }                                                                      \
  } while (0)

#endif /* DISKSTACK_FUZZ_H */
