// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// Has QEMU's edu (docs/specs/edu.rst), passed through at DEVICE, take 16 bytes from RAM, tells it to put them back elsewhere in
// RAM, and asks for a reset at once: each copy begins 100 ms after it was asked for. The address of the second copy, which the device
// keeps, tells the next start that it is one. That prints the first eight bytes there, before and after the device is done with the
// copy that it was told to make by the guest before, or "late" for a device that was done already.

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
        mov     x0, #RUN | FROM_DEVICE
        str     x0, [x5, #COMMAND]
        psci    PSCI_SYSTEM_RESET

again:  ldr     x10, [x7]
        ldr     x11, [x5, #COMMAND]
        await
        str     xzr, [x5, #DESTINATION]
        ldr     x12, [x7]
        print   '2'
        print   ' '
        print_hex x10
        print   ' '
        print_hex x12
        tbnz    x11, #0, done
        print   ' '
        print   'l'
        print   'a'
        print   't'
        print   'e'
done:   print   '\n'
        psci    PSCI_SYSTEM_OFF
        .balign 8
bytes:  .quad   0x0123456789abcdef, 0xfedcba9876543210
        footer
