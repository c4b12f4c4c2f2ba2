// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// Has QEMU's edu (docs/specs/edu.rst), passed through at DEVICE, take 16 bytes from RAM, and powers off right after it has told it to
// put them back elsewhere in RAM: each copy begins 100 ms after it was asked for.

#include "board.inc"
        .equ    DEVICE, 0x0c000000              // "guest_address" in the configuration
        .equ    SOURCE, 0x80
        .equ    DESTINATION, 0x88
        .equ    COUNT, 0x90
        .equ    COMMAND, 0x98
        .equ    RUN, 1
        .equ    FROM_DEVICE, 2
        .equ    BUFFER, 0x40000                 // the device's own
        .equ    TARGET, 0x80800000              // RAM begins at 2 GiB

        // Returns when the device has nothing to do.
        .macro  await
7:      ldr     x0, [x3, #COMMAND]
        tbnz    x0, #0, 7b
        .endm

        header
        ldr     x3, =DEVICE
        ldr     x4, =BUFFER
        adr     x5, bytes
        ldr     x6, =TARGET
        mov     x7, #16
        await                                   // what an earlier guest has begun
        str     x5, [x3, #SOURCE]
        str     x4, [x3, #DESTINATION]
        str     x7, [x3, #COUNT]
        mov     x0, #RUN
        str     x0, [x3, #COMMAND]
        await
        str     x4, [x3, #SOURCE]
        str     x6, [x3, #DESTINATION]
        str     x7, [x3, #COUNT]
        mov     x0, #RUN | FROM_DEVICE
        str     x0, [x3, #COMMAND]
        psci    PSCI_SYSTEM_OFF
        .balign 8
bytes:  .quad   0x0123456789abcdef, 0xfedcba9876543210
        footer
