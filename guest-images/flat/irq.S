// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// Drives a PL031 that is passed through at RTC: sets its alarm to now, which raises its line at once, a thousand times, and adds up
// the counter's ticks from there to the acknowledgement. Prints "T", the sum as 16 hexadecimal digits, and a newline.
// It needs a GICv3; which SPI the device has, it needn't know: it enables all.

#include "board.inc"
#include "gic.inc"
#include "rtc.inc"
        .equ    ROUNDS, 1000
        .equ    PAUSE, 2000                     // turns of an empty loop, for the host to unmask its line

        header
        adr     x0, vectors
        msr     vbar_el1, x0

        gic_on

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
        print_hex x22
        print   '\n'
        psci    PSCI_SYSTEM_OFF
        .ltorg

        irq_vector
        acknowledge x10
        mrs     x11, cntvct_el0
        and     w12, w10, #0xffffff
        cmp     w12, #1020                      // spurious
        b.hs    7f
        sub     x11, x11, x24
        add     x22, x22, x11
        mov     w11, #1
        str     w11, [x20, #RTC_CLEAR]
        mov     w23, #1
        end_of_interrupt x10
7:      eret
        footer
