// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// Drives a PL031 that is passed through at RTC: sets its alarm to now, which raises its line at once, a thousand times, and adds up
// the counter's ticks from there to the acknowledgement. Prints "T", the sum as 16 hexadecimal digits, and a newline.
// It needs a GICv3; which SPI the device has, it needn't know: it enables all.

#include "board.inc"
        .equ    RTC, 0x0c000000                 // "guest_address" in the configuration
        .equ    RTC_DATA, 0x00                  // Arm PrimeCell RTC PL031 (DDI 0224), 3.2
        .equ    RTC_MATCH, 0x04
        .equ    RTC_MASK, 0x10
        .equ    RTC_CLEAR, 0x1c
        .equ    ROUNDS, 1000
        .equ    PAUSE, 2000                     // turns of an empty loop, for the host to unmask its line

        .equ    GICD, 0x08000000                // GICv3 and GICv4 architecture (IHI 0069), 12.9
        .equ    GICD_CTLR, 0x0000
        .equ    GICD_TYPER, 0x0004
        .equ    GICD_IGROUPR, 0x0080
        .equ    GICD_ISENABLER, 0x0100
        .equ    GICD_ICFGR, 0x0c00
        .equ    GICR, 0x080a0000
        .equ    GICR_WAKER, 0x0014

        header
        adr     x0, vectors
        msr     vbar_el1, x0

        ldr     x1, =GICR                       // wake the redistributor
        ldr     w0, [x1, #GICR_WAKER]
        bic     w0, w0, #2
        str     w0, [x1, #GICR_WAKER]
        ldr     x1, =GICD
        mov     w0, #0x12                       // affinity routing, group 1
        str     w0, [x1, #GICD_CTLR]
        ldr     w2, [x1, #GICD_TYPER]           // words of 32 interrupts beyond the first, which is the CPU's own
        and     w2, w2, #31
        mov     w0, #-1
        add     x3, x1, #8
        add     x1, x1, #4
2:      str     wzr, [x3, #GICD_ICFGR]          // all level: KVM resamples no others
        str     wzr, [x3, #GICD_ICFGR + 4]
        add     x3, x3, #8
        str     w0, [x1, #GICD_IGROUPR]
        str     w0, [x1, #GICD_ISENABLER]
        add     x1, x1, #4
        subs    w2, w2, #1
        b.gt    2b
        mov     x0, #0xf0
        msr     S3_0_C4_C6_0, x0                // ICC_PMR_EL1: all priorities
        mov     x0, #1
        msr     S3_0_C12_C12_7, x0              // ICC_IGRPEN1_EL1
        isb

        ldr     x20, =RTC
        ldr     w21, =ROUNDS
        mov     x22, #0                         // the sum
        mov     w0, #1
        str     w0, [x20, #RTC_CLEAR]
        str     w0, [x20, #RTC_MASK]
        msr     daifclr, #2

round:  mov     w23, #0                         // set by the handler
        ldr     w0, [x20, #RTC_DATA]
        isb
        mrs     x24, cntvct_el0
        str     w0, [x20, #RTC_MATCH]
        mov     w1, #PAUSE
3:      cbnz    w23, 4f
        subs    w1, w1, #1
        b.ne    3b
        b       round                           // the second passed in between: once more
4:      mov     w1, #PAUSE
5:      subs    w1, w1, #1
        b.ne    5b
        subs    w21, w21, #1
        b.ne    round

        msr     daifset, #2
        print   'T'
        mov     w2, #60
6:      lsr     x0, x22, x2
        and     w0, w0, #15
        add     w3, w0, #'0'
        add     w4, w0, #'a' - 10
        cmp     w0, #10
        csel    w0, w3, w4, lo
        strb    w0, [x1, #UART_DATA]
        subs    w2, w2, #4
        b.ge    6b
        print   '\n'
        psci    PSCI_SYSTEM_OFF
        .ltorg

        .balign 2048
vectors:
        .rept   5                               // the first five of sixteen entries: only IRQ at this level is expected
        b       .
        .balign 128
        .endr
        mrs     x10, S3_0_C12_C12_0             // ICC_IAR1_EL1: acknowledge
        isb
        mrs     x11, cntvct_el0
        and     w12, w10, #0xffffff
        cmp     w12, #1020                      // spurious
        b.hs    7f
        sub     x11, x11, x24
        add     x22, x22, x11
        mov     w11, #1
        str     w11, [x20, #RTC_CLEAR]
        mov     w23, #1
        msr     S3_0_C12_C12_1, x10             // ICC_EOIR1_EL1
        isb
7:      eret
        footer
