// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// One byte, then a store to each of many pages of RAM, over and over: for a host that takes the memory away.

#include "board.inc"
        header
        print   'A'
1:      ldr     x1, =0x80100000
        ldr     x2, =0x80f00000
2:      str     x1, [x1]
        add     x1, x1, #4096
        cmp     x1, x2
        b.lo    2b
        b       1b
        footer
