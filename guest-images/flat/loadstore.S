// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// Performs every load and store that Martlet emulates on trapped regions, and checks data, write-back and order: with the MMU off, then
// through tables of each granule in both halves of the address space. Then some that are answered with a data abort, which it
// takes. It needs a PL061 at GPIO with "no_mmap", and no PL031 passed through.
//
// Prints a line for each form that went wrong, "loadstore: N forms ok" or "loadstore: N forms failed", a line for each abort,
// and powers off.

#include "board.inc"
        .arch   armv8.1-a
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
        // What x0 to x3, and v0 and v1, are before each form.
        .equ    JUNK0, 0x1122334455667788
        .equ    JUNK1, 0x99aabbccddeeff01
        .equ    JUNK2, 0x0a1b2c3d4e5f6071
        .equ    JUNK3, 0x8293a4b5c6d7e8f9

        // Fields of a record.
        .equ    BASE, 0                         // of x5; then x9
        .equ    EXPECTED, 16                    // of x0 to x3
        .equ    DELTA, 48                       // what x5 has more afterwards
        .equ    TEXT, 56

        // One form: "text" works on x0 to x3, or v0 and v1, with the base x5 and the index x9.
        .macro  record text, base, first, second, third, fourth, delta, index
        .subsection 1
        .balign 8
record\@:
        .quad   \base, \index, \first, \second, \third, \fourth, \delta
        .asciz  "\text"
        .subsection 0
        adr     x20, record\@
        .endm
        .macro  load text, base, first=JUNK0, second=JUNK1, third=JUNK2, fourth=JUNK3, delta=0, index=0
        record  "\text", \base, \first, \second, \third, \fourth, \delta, \index
        bl      prepare
        \text
        bl      verify
        .endm
        .macro  loadv text, base, first=JUNK0, second=0, third=JUNK2, fourth=JUNK3, delta=0, index=0
        record  "\text", \base, \first, \second, \third, \fourth, \delta, \index
        bl      prepare
        \text
        bl      verify_vectors
        .endm
        // Its expectation is what the five bytes are afterwards; the last two are one value.
        .macro  store text, base, first=0, second=0, third=0, fourth=0, delta=0, index=0
        record  "\text", \base, \first, \second, \third, \fourth, \delta, \index
        bl      prepare_store
        \text
        bl      verify_store
        .endm

        // Each addressing mode of one register of \size bytes, 1 << \shift, at \target.
        .macro  modes kind, op, suffix, register, target, size, shift, values:vararg
        \kind   "\op\()r\suffix \register, [x5]", \target, \values
        \kind   "\op\()r\suffix \register, [x5, #4 * \size]", \target - 4 * \size, \values
        \kind   "\op\()r\suffix \register, [x5], #17", \target, \values, delta=17
        \kind   "\op\()r\suffix \register, [x5], #-256", \target, \values, delta=-256
        \kind   "\op\()r\suffix \register, [x5, #255]!", \target - 255, \values, delta=255
        \kind   "\op\()r\suffix \register, [x5, #-16]!", \target + 16, \values, delta=-16
        \kind   "\op\()ur\suffix \register, [x5, #-3]", \target + 3, \values
        \kind   "\op\()ur\suffix \register, [x5, #255]", \target - 255, \values
        \kind   "\op\()r\suffix \register, [x5, x9]", \target + 32, \values, index=-32
        \kind   "\op\()r\suffix \register, [x5, x9, lsl #\shift]", \target - 3 * \size, \values, index=3
        \kind   "\op\()r\suffix \register, [x5, x9, sxtx]", \target + 8, \values, index=-8
        \kind   "\op\()r\suffix \register, [x5, w9, uxtw]", \target - 0x80000004, \values, index=0x1234567880000004
        \kind   "\op\()r\suffix \register, [x5, w9, uxtw #\shift]", \target - 4 * \size, \values, index=0xffffffff00000004
        \kind   "\op\()r\suffix \register, [x5, w9, sxtw]", \target + 2, \values, index=0x12345678fffffffe
        \kind   "\op\()r\suffix \register, [x5, w9, sxtw #\shift]", \target + 2 * \size, \values, index=0x12345678fffffffe
        .endm
        .macro  general kind, op, suffix, register, target, size, shift, values:vararg
        modes   \kind, \op, \suffix, \register, \target, \size, \shift, \values
        \kind   "\op\()tr\suffix \register, [x5, #8]", \target - 8, \values
        .endm
        // Those that change the base, of a load with sign. The others are no matter of Martlet's: KVM puts the sign into the register
        // itself, where the CPU tells it to (ESR_EL2.SSE), which the emulated host's doesn't seem to.
        .macro  signed suffix, register, target, values:vararg
        load    "ldr\suffix \register, [x5], #17", \target, \values, delta=17
        load    "ldr\suffix \register, [x5, #-16]!", \target + 16, \values, delta=-16
        .endm
        // Each of a pair's.
        .macro  pairs kind, op, registers, target, size, values:vararg
        \kind   "\op\()p \registers, [x5, #2 * \size]", \target - 2 * \size, \values
        \kind   "\op\()p \registers, [x5, #-64 * \size]", \target + 64 * \size, \values
        \kind   "\op\()p \registers, [x5], #63 * \size", \target, \values, delta=63 * \size
        \kind   "\op\()p \registers, [x5, #-2 * \size]!", \target + 2 * \size, \values, delta=-2 * \size
        .endm
        .macro  unhinted kind, op, registers, target, size, values:vararg
        pairs   \kind, \op, "\registers", \target, \size, \values
        \kind   "\op\()np \registers, [x5, #3 * \size]", \target - 3 * \size, \values
        .endm

        // One that is answered with an abort.
        .macro  abort text, base
        record  "\text", \base, 0, 0, 0, 0, 0, 0
        bl      prepare
        mov     x24, #0
        \text
        bl      verify_abort
        .endm

        header
        mov     x0, #3 << 20                    // CPACR_EL1.FPEN
        msr     cpacr_el1, x0
        adr     x0, vectors
        msr     vbar_el1, x0
        isb
        mov     x22, #0                         // forms that went well
        mov     x23, #0                         // and those that did not

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

        adr     x0, said
        bl      print_text
        cmp     x23, #0
        csel    x0, x22, x23, eq
        bl      print_decimal
        adr     x0, good
        adr     x1, bad
        cmp     x23, #0
        csel    x0, x0, x1, eq
        bl      print_text

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

// Takes the record in x20.
prepare_store:
        ldr     x0, =BYTES
        add     x0, x0, x21
        mov     w1, #5
1:      str     wzr, [x0]
        add     x0, x0, #4
        subs    w1, w1, #1
        b.ne    1b
prepare:
        ldp     x5, x9, [x20, #BASE]
        add     x5, x5, x21
        ldr     x0, =JUNK0
        ldr     x1, =JUNK1
        ldr     x2, =JUNK2
        ldr     x3, =JUNK3
        mov     v0.d[0], x0
        mov     v0.d[1], x1
        mov     v1.d[0], x2
        mov     v1.d[1], x3
        ret

verify_store:
        ldr     x4, =BYTES
        add     x4, x4, x21
        ldr     w0, [x4]
        ldr     w1, [x4, #4]
        ldr     w2, [x4, #8]
        ldr     w3, [x4, #12]
        ldr     w4, [x4, #16]
        orr     x3, x3, x4, lsl #32
        b       verify
verify_vectors:
        mov     x0, v0.d[0]
        mov     x1, v0.d[1]
        mov     x2, v1.d[0]
        mov     x3, v1.d[1]
verify: ldp     x10, x11, [x20, #EXPECTED]
        cmp     x0, x10
        ccmp    x1, x11, #0, eq
        ldp     x10, x11, [x20, #EXPECTED + 16]
        ccmp    x2, x10, #0, eq
        ccmp    x3, x11, #0, eq
        ldr     x10, [x20, #BASE]
        ldr     x11, [x20, #DELTA]
        add     x10, x10, x21
        add     x10, x10, x11
        ccmp    x5, x10, #0, eq
        b.ne    1f
        add     x22, x22, #1
        ret
1:      mov     x27, x30
        add     x23, x23, #1
        mov     x12, x0
        adr     x0, failed
        bl      print_text
        mov     x0, x25
        bl      print_text
        add     x0, x20, #TEXT
        bl      print_text
        .irp    value, x12, x1, x2, x3, x5
        mov     x0, \value
        bl      print_hexadecimal
        .endr
        adr     x0, newline
        bl      print_text
        ret     x27

verify_abort:
        mov     x27, x30
        adr     x0, taken
        adr     x1, not_taken
        ldr     x10, [x20, #BASE]               // no write-back
        cmp     x24, #1
        ccmp    x5, x10, #0, eq
        csel    x0, x0, x1, eq
        bl      print_text
        add     x0, x20, #TEXT
        bl      print_text
        adr     x0, newline
        bl      print_text
        ret     x27

// Prints what x0 points to. These change x0, x13 to x16.
print_text:
        ldr     x13, =UART
1:      ldrb    w14, [x0], #1
        cbz     w14, 2f
        strb    w14, [x13]
        b       1b
2:      ret

print_decimal:
        ldr     x13, =UART
        mov     x14, #1
        mov     x16, #10
1:      mul     x15, x14, x16                   // the first digit's weight
        cmp     x15, x0
        csel    x14, x15, x14, ls
        b.ls    1b
2:      udiv    x15, x0, x14
        msub    x0, x15, x14, x0
        add     w15, w15, #'0'
        strb    w15, [x13]
        udiv    x14, x14, x16
        cbnz    x14, 2b
        ret

print_hexadecimal:
        ldr     x13, =UART
        mov     w14, #' '
        strb    w14, [x13]
        mov     w16, #60
1:      lsr     x14, x0, x16
        and     w14, w14, #15
        add     w15, w14, #'a' - 10
        add     w14, w14, #'0'
        cmp     w14, #'9'
        csel    w14, w14, w15, ls
        strb    w14, [x13]
        subs    w16, w16, #4
        b.pl    1b
        ret

// An abort that is expected is a synchronous external one (ESR_EL1: EC 0x25, DFSC 0x10) at x5, or where x5 would be.
        .balign 2048
vectors:
        .rept   4
        b       unexpected
        .balign 128
        .endr
        mrs     x10, esr_el1
        lsr     x11, x10, #26
        and     x12, x10, #0x3f
        cmp     x11, #0x25
        ccmp    x12, #0x10, #0, eq
        b.ne    unexpected
        cbnz    x24, unexpected
        mov     x24, #1
        mrs     x10, far_el1                    // whichever of its bytes has trapped
        sub     x10, x10, x5
        add     x10, x10, #16
        cmp     x10, #32
        b.hi    unexpected
        mrs     x10, elr_el1
        add     x10, x10, #4
        msr     elr_el1, x10
        eret
        .balign 128
        .rept   11
        b       unexpected
        .balign 128
        .endr
unexpected:
        adr     x0, exception
        bl      print_text
        add     x0, x20, #TEXT
        bl      print_text
        mrs     x0, esr_el1
        bl      print_hexadecimal
        mrs     x0, far_el1
        bl      print_hexadecimal
        mrs     x0, elr_el1
        bl      print_hexadecimal
        adr     x0, newline
        bl      print_text
        psci    PSCI_SYSTEM_OFF
        .ltorg

said:   .asciz  "loadstore: "
good:   .asciz  " forms ok\n"
bad:    .asciz  " forms failed\n"
failed: .asciz  "FAILED "
taken:  .asciz  "abort taken: "
not_taken:
        .asciz  "NO ABORT: "
exception:
        .asciz  "EXCEPTION "
newline:
        .asciz  "\n"
name_off:
        .asciz  "MMU off: "
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
