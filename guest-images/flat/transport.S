// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// Performs the loads and stores that Martlet emulates on a virtio-mmio transport, whose region is trapped because it is smaller
// than a page: data, write-back, and the order of stores, as far as its registers show them. Then some that are answered with a
// data abort, which it takes. It needs a transport with a memory balloon behind it at TRANSPORT, with the legacy interface.
//
// Prints a line for each form that went wrong, "transport: N forms ok" or "transport: N forms failed", a line for each abort, and
// powers off.

#include "board.inc"
        .equ    TRANSPORT, 0x7ffff000           // "guest_address" in the configuration: within reach of a literal

        // Virtio 1.2, 4.2.2 and 4.2.4 (legacy interface). All are of 32 bits, and to be accessed as such.
        .equ    IDENTITY, TRANSPORT             // four registers: "virt", version 1, a balloon, and who made it
        .equ    FEATURES_SELECT, TRANSPORT + 0x14
        .equ    GUEST_PAGE_SIZE, TRANSPORT + 0x28
        .equ    QUEUE_SELECT, TRANSPORT + 0x30  // then QueueNumMax, QueueNum, QueueAlign and QueuePFN
        .equ    QUEUE_PFN, TRANSPORT + 0x40
        .equ    STATUS, TRANSPORT + 0x70
        // 5.5.4: num_pages, which only the device changes, and actual, which is the driver's: 32 bits, to be accessed in any width.
        .equ    CONFIG, TRANSPORT + 0x100
        .equ    ACTUAL, CONFIG + 4

        .equ    FIRST, 0x0000000174726976
        .equ    SECOND, 0x554d455100000005
        // What "actual" is before loads.
        .equ    VALUE, 0x8123c567
        .equ    PFN, 0x40100                    // in the RAM of the emulated host, of which nothing is used

#include "forms.inc"

        header
        begin
        adr     x25, name_off
        mov     x21, #0
        bl      reset
        bl      forms

        // The order within a pair: QueuePFN is that of the queue that QueueSel, four words before it, has selected.
        adr     x20, order
        mov     x0, #4096
        ldr     x1, =GUEST_PAGE_SIZE
        str     w0, [x1]
        ldr     x5, =QUEUE_SELECT
        str     wzr, [x5]
        ldp     q0, q1, [x20, #QUEUES]
        stp     q0, q1, [x5], #32
        ldr     x4, =QUEUE_PFN
        ldr     w0, [x4]                        // of queue 1
        str     wzr, [x4, #QUEUE_SELECT - QUEUE_PFN]
        ldr     w1, [x4]                        // of queue 0
        mov     x2, #0
        mov     x3, #0
        bl      verify
        bl      reset

        // A register that is written and read: Status.
        adr     x20, status
        ldr     x5, =STATUS - 4
        mov     w0, #1
        mov     w1, #3
        stp     w0, w1, [x5], #4                // what is before it is no register
        ldr     w0, [x5]
        ldpsw   x2, x1, [x5, #-4]
        mov     x3, #0
        bl      verify
        bl      reset
        bl      print_result

        abort   "ldxr w0, [x5]", IDENTITY
        abort   "ldaxp w0, w1, [x5]", CONFIG
        abort   "swp w0, w1, [x5]", ACTUAL
        abort   "ld1 {v0.4s}, [x5]", IDENTITY
        abort   "ldp x0, x1, [x5]", TRANSPORT + 0x1f8 // its second register is behind the region, in the same page
        abort   "stp x0, x1, [x5], #16", TRANSPORT + 0x1f8
        psci    PSCI_SYSTEM_OFF
        .ltorg

// No status, no queues, the second word of features, which has none: so that what is behind the identity reads as zero.
reset:  ldr     x0, =STATUS
        str     wzr, [x0]
        mov     w1, #1
        str     w1, [x0, #FEATURES_SELECT - STATUS]
        ret

forms:  mov     x26, x30
        ldr     w0, =VALUE
        ldr     x1, =ACTUAL
        str     w0, [x1]
        general load, ld, b, w0, ACTUAL + 3, 1, 0, 0x81
        signed  sb, w0, ACTUAL + 3, 0xffffff81
        signed  sb, x0, ACTUAL + 3, 0xffffffffffffff81
        general load, ld, h, w0, ACTUAL + 2, 2, 1, 0x8123
        signed  sh, w0, ACTUAL + 2, 0xffff8123
        signed  sh, x0, ACTUAL + 2, 0xffffffffffff8123
        general load, ld, , w0, ACTUAL, 4, 2, VALUE
        general load, ld, , w0, IDENTITY, 4, 2, 0x74726976
        signed  sw, x0, ACTUAL, VALUE - 0x100000000
        general load, ld, , x0, IDENTITY, 8, 3, FIRST
        general load, ld, , x0, CONFIG, 8, 3, VALUE << 32
        modes   loadv, ld, , b0, ACTUAL + 1, 1, 0, 0xc5
        modes   loadv, ld, , h0, ACTUAL, 2, 1, 0xc567
        modes   loadv, ld, , s0, ACTUAL, 4, 2, VALUE
        modes   loadv, ld, , d0, IDENTITY + 8, 8, 3, SECOND
        modes   loadv, ld, , q0, IDENTITY, 16, 4, FIRST, SECOND
        unhinted load, ld, "w0, w1", CONFIG, 4, 0, VALUE
        unhinted load, ld, "x0, x1", IDENTITY, 8, FIRST, SECOND
        unhinted loadv, ld, "s0, s1", IDENTITY + 8, 4, 5, 0, 0x554d4551, 0
        unhinted loadv, ld, "d0, d1", IDENTITY, 8, FIRST, 0, SECOND, 0
        // Host features, none; what selects them reads as zero, and so do the two words behind it.
        unhinted loadv, ld, "q0, q1", IDENTITY, 16, FIRST, SECOND, 0, 0
        load    "ldpsw x0, x1, [x5, #8]", ACTUAL - 8, VALUE - 0x100000000, 0
        load    "ldpsw x0, x1, [x5], #-256", ACTUAL, VALUE - 0x100000000, 0, delta=-256
        load    "ldpsw x0, x1, [x5, #252]!", ACTUAL - 252, VALUE - 0x100000000, 0, delta=252
        load    "ldarb w0, [x5]", ACTUAL + 3, 0x81
        load    "ldarh w0, [x5]", ACTUAL, 0xc567
        load    "ldar w0, [x5]", ACTUAL, VALUE
        load    "ldar x0, [x5]", IDENTITY, FIRST
        load    "ldr w0, _start - 0x1000", 0, 0x74726976
        load    "ldrsw x0, _start - 0x1000", 0, 0x74726976
        load    "ldr x0, _start - 0xff8", 0, SECOND
        loadv   "ldr s0, _start - 0xefc", 0, VALUE
        loadv   "ldr d0, _start - 0x1000", 0, FIRST
        loadv   "ldr q0, _start - 0x1000", 0, FIRST, SECOND
        load    "prfm pldl1keep, [x5]", IDENTITY
        load    "ldr xzr, [x5], #8", IDENTITY, delta=8
        load    "ldp x0, xzr, [x5], #16", IDENTITY, FIRST, delta=16

        general store, st, b, w0, ACTUAL, 1, 0, 0x88
        general store, st, b, w0, ACTUAL + 3, 1, 0, 0x88000000
        general store, st, h, w0, ACTUAL + 2, 2, 1, 0x77880000
        general store, st, , w0, ACTUAL, 4, 2, 0x55667788
        general store, st, , x0, CONFIG, 8, 3, 0x11223344
        modes   store, st, , b0, ACTUAL + 1, 1, 0, 0x8800
        modes   store, st, , h0, ACTUAL, 2, 1, 0x7788
        modes   store, st, , s0, ACTUAL, 4, 2, 0x55667788
        modes   store, st, , d0, CONFIG, 8, 3, 0x11223344
        modes   store, st, , q0, CONFIG, 16, 4, 0x11223344
        unhinted store, st, "w0, w1", ACTUAL, 4, 0x55667788
        unhinted store, st, "w0, w1", CONFIG, 4, 0xddeeff01
        unhinted store, st, "x0, x1", CONFIG, 8, 0x11223344
        unhinted store, st, "x0, x1", CONFIG - 8, 8, 0x99aabbcc
        unhinted store, st, "s0, s1", CONFIG, 4, 0x4e5f6071
        unhinted store, st, "d0, d1", CONFIG - 8, 8, 0x0a1b2c3d
        unhinted store, st, "q0, q1", CONFIG - 16, 16, 0x0a1b2c3d
        store   "stlrb w0, [x5]", ACTUAL, 0x88
        store   "stlrh w0, [x5]", ACTUAL + 2, 0x77880000
        store   "stlr w0, [x5]", ACTUAL, 0x55667788
        store   "stlr x0, [x5]", CONFIG, 0x11223344
        store   "str xzr, [x5], #8", CONFIG, delta=8
        store   "stp xzr, x0, [x5], #16", CONFIG - 8, 0x11223344, delta=16
        store   "stp w1, w0, [x5, #4]!", CONFIG - 4, 0x55667788, delta=4
        // The stack pointer as the base.
        store   "mov sp, x5; str w0, [sp, #-16]!; mov x5, sp", ACTUAL + 16, 0x55667788, delta=-16
        store   "mov sp, x5; stp x0, x1, [sp], #16; mov x5, sp", CONFIG, 0x11223344, delta=16
        ret     x26
        .ltorg

clear_stored:
        ldr     x0, =ACTUAL
        str     wzr, [x0]
        ret

// Only "actual" is there to be written.
read_stored:
        ldr     x4, =CONFIG
        ldr     w0, [x4, #4]
        ldr     w1, [x4]
        mov     x2, #0
        mov     x3, #0
        ret
        .ltorg

said:   .asciz  "transport: "
        .balign 8
        .equ    QUEUES, 64                      // of the record
order:  .quad   QUEUE_SELECT, 0, PFN, 0, 0, 0, 32
        .asciz  "order."
        .balign 8
        .long   1, 0, 8, 4096                   // QueueSel, QueueNumMax, QueueNum, QueueAlign
        .long   PFN, 0, 0, 0                    // QueuePFN
status: .quad   STATUS - 4, 0, 3, 3, 0, 0, 4
        .asciz  "status"

        .subsection 2                           // behind all that forms.inc has
        .balign 8
        footer
