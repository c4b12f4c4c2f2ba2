// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// Has QEMU's edu (docs/specs/edu.rst), passed through at DEVICE, take 16 bytes from RAM, tells it where in RAM to put them back, and
// asks for a reset. The address of this copy, which the device keeps, tells the next start that it is one. That prints the first
// eight bytes there, twice: at once, and when they have changed, or after two seconds.

#include "board.inc"
        .equ    DEVICE, 0x0c000000              // "guest_address" in the configuration
        .equ    SOURCE, 0x80
        .equ    DESTINATION, 0x88
        .equ    COUNT, 0x90
        .equ    COMMAND, 0x98
        .equ    RUN, 1
        .equ    BUFFER, 0x40000                 // the device's own
        .equ    TARGET, 0x80800000              // RAM begins at 2 GiB

        // Returns when the device has nothing to do.
        .macro  await
7:      ldr     x0, [x5, #COMMAND]
        tbnz    x0, #0, 7b
        .endm

        header
        ldr     x5, =DEVICE
        ldr     x6, =BUFFER
        ldr     x7, =TARGET
        mov     x8, #16
        ldr     x0, [x5, #DESTINATION]
        cmp     x0, x7
        b.eq    again

        await
        adr     x9, bytes
        str     x9, [x5, #SOURCE]
        str     x6, [x5, #DESTINATION]
        str     x8, [x5, #COUNT]
        mov     x0, #RUN
        str     x0, [x5, #COMMAND]
        await
        print   '1'
        print   '\n'
        str     x6, [x5, #SOURCE]
        str     x7, [x5, #DESTINATION]
        str     x8, [x5, #COUNT]
        psci    PSCI_SYSTEM_RESET

again:  ldr     x10, [x7]
        print   '2'
        print   ' '
        print_hex x10
        print   ' '
        mrs     x11, cntfrq_el0
        mrs     x13, cntvct_el0
        add     x11, x13, x11, lsl #1
6:      ldr     x12, [x7]
        cmp     x12, x10
        b.ne    8f
        mrs     x13, cntvct_el0
        cmp     x13, x11
        b.lo    6b
8:      str     xzr, [x5, #DESTINATION]
        print_hex x12
        print   '\n'
        psci    PSCI_SYSTEM_OFF
        .balign 8
bytes:  .quad   0x0123456789abcdef, 0xfedcba9876543210
        footer
