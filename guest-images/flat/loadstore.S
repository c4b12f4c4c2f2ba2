// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// Performs every load and store that Martlet emulates on trapped regions, and checks data, write-back and order: with the MMU off, then
// through tables of each granule in both halves of the address space. Then some that are answered with a data abort, which it
// takes. It needs a PL061 at GPIO with "no_mmap", and no PL031 passed through.
//
// Prints a line for each form that went wrong, "loadstore: N forms ok" or "loadstore: N forms failed", a line for each abort,
// and powers off.

#include "board.inc"
        .equ    GPIO, 0x7ffff000                // "guest_address" in the configuration: within reach of a literal
        .equ    CLOCK, 0x09010000               // the board's own PL031; has to be the Machine module's clock base

        // Arm PrimeCell GPIO PL061 (DDI 0190), 3.2: GPIODATA under a mask of all ones, then five registers of 8 bits, read and
        // written, in adjacent words: GPIODIR, GPIOIS, GPIOIBE, GPIOIEV, GPIOIE.
        .equ    DATA, GPIO + 0x3fc
        .equ    BYTES, GPIO + 0x400
        .equ    IDENTITY, GPIO + 0xfe0          // 61 10 04 00, 0d f0 05 b1: GPIOPeriphID and GPIOPCellID, a byte in each word
        // Arm PrimeCell RTC PL031 (DDI 0224), 3.2: RTCMR and RTCLR, two registers of 32 bits that are read and written.
        .equ    WORDS, CLOCK + 0x04
        .equ    MATCH, 0x8123c567
        .equ    LOAD, 0x89abcdef

        // What the bytes are before loads: one each word.
        .equ    PAIR0, 0x0000009200000081
        .equ    PAIR1, 0x000000b4000000a3

#include "forms.inc"

        header
        begin
        adr     x25, name_off                   // what a line calls the phase
        mov     x21, #0                         // what is added to each base: the half of the address space
        bl      forms

        // All code stays in the lower half, whose addresses are those without the MMU: 4 KiB and blocks of 1 GiB, level 1 first.
        mov     x0, #0xff00                     // attribute 0 is Device-nGnRnE, 1 is Normal, write-back
        msr     mair_el1, x0
        adr     x0, blocks_4k
        msr     ttbr0_el1, x0
        msr     ttbr1_el1, x0
        ldr     x0, =TCR_4K
        bl      set_tables
        mrs     x0, sctlr_el1
        orr     x0, x0, #1
        msr     sctlr_el1, x0
        isb
        adr     x25, name_4k_low
        bl      forms
        adr     x25, name_4k_high
        ldr     x21, =UPPER
        bl      forms

        // The upper half with 64 KiB: blocks of 512 MiB, level 2 first; then with 16 KiB: blocks of 32 MiB, level 2 first.
        adr     x0, blocks_64k
        msr     ttbr1_el1, x0
        ldr     x0, =TCR_64K
        bl      set_tables
        adr     x25, name_64k
        bl      forms
        ldr     x0, =TCR_16K
        adr     x1, blocks_16k
        msr     ttbr1_el1, x1
        bl      set_tables
        adr     x25, name_16k
        ldr     x21, =UPPER_16K
        bl      forms

        // The order within a pair: the data register keeps what GPIODIR, the word after it, had not made an output yet.
        mov     x21, #0
        adr     x25, name_off
        adr     x20, order
        ldr     x5, =DATA
        mov     w2, #0xff
        str     w2, [x5, #4]
        str     wzr, [x5]
        str     wzr, [x5, #4]
        stp     w2, w2, [x5]
        ldr     w0, [x5]
        ldr     w1, [x5, #4]
        mov     x2, #0
        mov     x3, #0
        bl      verify

        bl      print_result

        abort   "ldxr w0, [x5]", BYTES
        abort   "ldaxp x0, x1, [x5]", BYTES
        abort   "ld1 {v0.4s}, [x5]", BYTES
        abort   "ldp w0, w1, [x5]", GPIO + 0xffc // its second word is RAM
        abort   "stp w0, w1, [x5, #-8]!", GPIO + 4 // its first is nothing
        psci    PSCI_SYSTEM_OFF
        .ltorg

// Takes TCR_EL1 in x0.
set_tables:
        msr     tcr_el1, x0
        isb
        tlbi    vmalle1
        dsb     sy
        isb
        ret

forms:
        mov     x26, x30
        bl      fill
        general load, ld, b, w0, BYTES, 1, 0, 0x81
        signed  sb, w0, BYTES, 0xffffff81
        signed  sb, x0, BYTES, 0xffffffffffffff81
        general load, ld, h, w0, WORDS, 2, 1, 0xc567
        signed  sh, w0, WORDS, 0xffffc567
        signed  sh, x0, WORDS, 0xffffffffffffc567
        general load, ld, , w0, WORDS, 4, 2, MATCH
        signed  sw, x0, WORDS + 4, LOAD - 0x100000000
        general load, ld, , x0, BYTES, 8, 3, PAIR0
        modes   loadv, ld, , b0, BYTES, 1, 0, 0x81
        modes   loadv, ld, , h0, WORDS, 2, 1, 0xc567
        modes   loadv, ld, , s0, WORDS, 4, 2, MATCH
        modes   loadv, ld, , d0, BYTES, 8, 3, PAIR0
        modes   loadv, ld, , q0, BYTES, 16, 4, PAIR0, PAIR1
        unhinted load, ld, "w0, w1", WORDS, 4, MATCH, LOAD
        unhinted load, ld, "x0, x1", BYTES, 8, PAIR0, PAIR1
        unhinted loadv, ld, "s0, s1", WORDS, 4, MATCH, 0, LOAD, 0
        unhinted loadv, ld, "d0, d1", BYTES, 8, PAIR0, 0, PAIR1, 0
        unhinted loadv, ld, "q0, q1", IDENTITY, 16, 0x1000000061, 4, 0xf00000000d, 0xb100000005
        load    "ldpsw x0, x1, [x5, #8]", WORDS - 8, MATCH - 0x100000000, LOAD - 0x100000000
        load    "ldpsw x0, x1, [x5], #-256", WORDS, MATCH - 0x100000000, LOAD - 0x100000000, delta=-256
        load    "ldpsw x0, x1, [x5, #252]!", WORDS - 252, MATCH - 0x100000000, LOAD - 0x100000000, delta=252
        load    "ldarb w0, [x5]", BYTES, 0x81
        load    "ldarh w0, [x5]", WORDS, 0xc567
        load    "ldar w0, [x5]", WORDS, MATCH
        load    "ldar x0, [x5]", BYTES, PAIR0
        load    "ldr w0, _start - 0xc00", 0, 0x81
        load    "ldrsw x0, _start - 0xc00", 0, 0x81
        load    "ldr x0, _start - 0xc00", 0, PAIR0
        loadv   "ldr s0, _start - 0xc00", 0, 0x81
        loadv   "ldr d0, _start - 0xc00", 0, PAIR0
        loadv   "ldr q0, _start - 0xc00", 0, PAIR0, PAIR1
        load    "prfm pldl1keep, [x5]", BYTES
        load    "ldr xzr, [x5], #8", BYTES, delta=8
        load    "ldp x0, xzr, [x5], #16", BYTES, PAIR0, delta=16

        general store, st, b, w0, BYTES, 1, 0, 0x88
        general store, st, h, w0, BYTES, 2, 1, 0x88
        general store, st, , w0, BYTES, 4, 2, 0x88
        general store, st, , x0, BYTES, 8, 3, 0x88, 0x44
        modes   store, st, , b0, BYTES, 1, 0, 0x88
        modes   store, st, , h0, BYTES, 2, 1, 0x88
        modes   store, st, , s0, BYTES, 4, 2, 0x88
        modes   store, st, , d0, BYTES, 8, 3, 0x88, 0x44
        modes   store, st, , q0, BYTES, 16, 4, 0x88, 0x44, 0x01, 0xcc
        unhinted store, st, "w0, w1", BYTES, 4, 0x88, 0x01
        unhinted store, st, "x0, x1", BYTES, 8, 0x88, 0x44, 0x01, 0xcc
        unhinted store, st, "s0, s1", BYTES, 4, 0x88, 0x71
        unhinted store, st, "d0, d1", BYTES, 8, 0x88, 0x44, 0x71, 0x3d
        unhinted store, st, "q0, q1", BYTES, 16, 0x88, 0x44, 0x01, 0x71000000cc
        store   "stlrb w0, [x5]", BYTES, 0x88
        store   "stlrh w0, [x5]", BYTES, 0x88
        store   "stlr w0, [x5]", BYTES, 0x88
        store   "stlr x0, [x5]", BYTES, 0x88, 0x44
        store   "str xzr, [x5], #8", BYTES, delta=8
        store   "stp x0, xzr, [x5], #16", BYTES, 0x88, 0x44, delta=16
        store   "stp w0, w0, [x5, #4]!", BYTES, 0, 0x88, 0x88, delta=4
        // The stack pointer as the base.
        store   "mov sp, x5; str w0, [sp, #-16]!; mov x5, sp", BYTES + 16, 0x88, delta=-16
        store   "mov sp, x5; stp x0, x1, [sp], #16; mov x5, sp", BYTES, 0x88, 0x44, 0x01, 0xcc, delta=16
        ret     x26
        .ltorg

// Gives the registers that loads read their values.
fill:   ldr     x0, =BYTES
        add     x0, x0, x21
        mov     w1, #0x81
        mov     w2, #5
1:      str     w1, [x0]
        add     x0, x0, #4
        add     w1, w1, #0x11
        subs    w2, w2, #1
        b.ne    1b
        ldr     x0, =WORDS
        add     x0, x0, x21
        ldr     w1, =MATCH
        str     w1, [x0]
        ldr     w1, =LOAD
        str     w1, [x0, #4]
        ret

clear_stored:
        ldr     x0, =BYTES
        add     x0, x0, x21
        mov     w1, #5
1:      str     wzr, [x0]
        add     x0, x0, #4
        subs    w1, w1, #1
        b.ne    1b
        ret

// What the five bytes are; the last two are one value.
read_stored:
        ldr     x4, =BYTES
        add     x4, x4, x21
        ldr     w0, [x4]
        ldr     w1, [x4, #4]
        ldr     w2, [x4, #8]
        ldr     w3, [x4, #12]
        ldr     w4, [x4, #16]
        orr     x3, x3, x4, lsl #32
        ret
        .ltorg

said:   .asciz  "loadstore: "
name_4k_low:
        .asciz  "4 KiB, lower half: "
name_4k_high:
        .asciz  "4 KiB, upper half: "
name_64k:
        .asciz  "64 KiB, upper half: "
name_16k:
        .asciz  "16 KiB, upper half: "
        .balign 8
order:  .quad   DATA, 0, 0, 0xff, 0, 0, 0
        .asciz  "order of stp w2, w2, [x5]"

        .subsection 2

        // Arm ARM (DDI 0487), D8.3: a block with the access flag, shareable, and attribute 0 (devices) or 1 (RAM).
        .equ    DEVICE, 1 << 10 | 1 << 6 | 1    // AP[1]: LDTR and STTR have the rights of EL0
        .equ    MEMORY, 1 << 10 | 3 << 8 | 1 << 2 | 1
        // TCR_EL1: 39 bits in both halves (36 in the upper for 16 KiB), TG1, IPS 40 bits; walks cached, shareable.
        .equ    TCR, 25 | 1 << 8 | 1 << 10 | 3 << 12 | 1 << 24 | 1 << 26 | 3 << 28 | 2 << 32
        .equ    TCR_4K, TCR | 25 << 16 | 2 << 30
        .equ    TCR_64K, TCR | 25 << 16 | 3 << 30
        .equ    TCR_16K, TCR | 28 << 16 | 1 << 30
        .equ    UPPER, 0xffffff8000000000
        .equ    UPPER_16K, 0xfffffff000000000
        .balign 4096
blocks_4k:
        .quad   0 | DEVICE, 1 << 30 | DEVICE, 2 << 30 | MEMORY
        .balign 16384
blocks_16k:
        .set    address, 0
        .rept   64
        .quad   address | DEVICE
        .set    address, address + (32 << 20)
        .endr
        .balign 16384
blocks_64k:
        .quad   0 | DEVICE, 0x20000000 | DEVICE, 0x40000000 | DEVICE, 0x60000000 | DEVICE
        .balign 8192
        footer
