// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// 'A', 100,000 reads of a 32-bit register of the board's PL031, 'B', as many of a register of a device that is passed through at DEVICE with
// "no_mmap", 'C', power-off: the price of a trapped read that the monitor answers, and of one that it forwards.

#include "board.inc"
        .equ    CLOCK, 0x09010000               // has to be the Machine module's clock base
        .equ    DEVICE, 0x0c000000              // "guest_address" in the configuration
        .equ    READS, 100000

        header
        print   'A'
        ldr     x3, =CLOCK + 4
        bl      2f
        print   'B'
        ldr     x3, =DEVICE
        bl      2f
        print   'C'
        psci    PSCI_SYSTEM_OFF
2:      ldr     w2, =READS
3:      ldr     w0, [x3]
        subs    w2, w2, #1
        b.ne    3b
        ret
        footer
