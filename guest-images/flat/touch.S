// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// One byte, then a store to each page of 64 MiB of RAM, over and over: for a host that takes the memory away.

#include "board.inc"
        header
        print   'A'
1:      ldr     x1, =0x81000000
        ldr     x2, =0x85000000
2:      str     x1, [x1], #4096
        cmp     x1, x2
        b.lo    2b
        b       1b
        footer
