// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// Reads where nothing is, which the monitor logs, then a byte, and busy for ever.

#include "board.inc"
        header
        ldr     x1, =0x05000000
        ldr     w0, [x1]
        print   'A'
        b       .
        footer
