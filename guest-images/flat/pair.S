// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// 'A', 10,000 loads of two registers of the board's PL031 by one instruction, which the CPU doesn't describe to KVM, 'B', power-off:
// the price of an emulated LDP.

#include "board.inc"
        .equ    CLOCK, 0x09010000               // has to be the Machine module's clock base
        .equ    PAIRS, 10000

        header
        print   'A'
        ldr     x3, =CLOCK
        ldr     w2, =PAIRS
2:      ldp     w4, w5, [x3, #4]
        subs    w2, w2, #1
        b.ne    2b
        print   'B'
        psci    PSCI_SYSTEM_OFF
        footer
