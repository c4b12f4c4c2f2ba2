// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// The emulated host's firmware: before Linux runs it gives the PCI functions of devices.dts their addresses there and lets them
// do DMA. Linux doesn't see the bus that they are on, so to it they are devices of the SoC.
//
// boot.sh puts the kernel's Image behind it. Both are Images (Documentation/arch/arm64/booting.rst), so QEMU boots this
// as it would Linux, and this enters Linux as it was entered: MMU off, x0 to x3 untouched.

        .equ    ECAM_HIGH, 0x40         // the virt board's configuration space: 0x4010000000
        .equ    ECAM_LOW, 0x10000000

        // PCI Local Bus Specification 3.0, 6.1 and 6.2.2
        .equ    COMMAND, 0x04
        .equ    BAR0, 0x10
        .equ    BAR1, 0x14
        .equ    BAR5, 0x24
        .equ    IO, 1
        .equ    MEMORY, 2
        .equ    MASTER, 4

        .macro  set slot register value
        .long   (\slot << 15) + \register, \value
        .endm

        .text
        .global _start
_start: b       1f
        .long   0
        .quad   0                       // text_offset
        .quad   0x4000000               // image_size: with room for Linux
        .quad   0xa                     // flags: little-endian, 4 KiB pages, anywhere in RAM
        .quad   0, 0, 0
        .ascii  "ARM\x64"
        .long   0

1:      movz    x4, #ECAM_LOW >> 16, lsl #16
        movk    x4, #ECAM_HIGH, lsl #32
        adr     x5, table
        adr     x8, table_end
2:      ldp     w6, w7, [x5], #8
        str     w7, [x4, x6]
        cmp     x5, x8
        b.ne    2b
        b       kernel

        .balign 8
table:  set     1, BAR0, 0x10000000     // edu
        set     1, COMMAND, MEMORY | MASTER
        set     2, BAR5, 0x10100000     // AHCI (1.3.1, 2.1.11: its registers are BAR 5)
        set     2, COMMAND, MEMORY | MASTER
        set     3, BAR0, 0x10110000     // xHCI
        set     3, BAR1, 0              // (its BAR is of 64 bits)
        set     3, COMMAND, MEMORY | MASTER
        set     4, BAR0, 0x1000         // 16550: an I/O port, 0x3eff0000 being port 0
        set     4, COMMAND, IO
table_end:

        .org    0x200000                // an Image begins at a multiple of 2 MiB
kernel:
