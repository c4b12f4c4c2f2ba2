// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// 'A', 100,000 reads of a register that a device of the monitor answers, 'B', power-off: the price of a trapped read.

#include "board.inc"
        .equ    READS, 100000

        header
        print   'A'
        ldr     w2, =READS
2:      ldrb    w0, [x1, #UART_SCRATCH]
        subs    w2, w2, #1
        b.ne    2b
        print   'B'
        psci    PSCI_SYSTEM_OFF
        footer
