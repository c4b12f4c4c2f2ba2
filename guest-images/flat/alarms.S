// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// Sets the board's own clock's alarm again and again, mostly to now, which raises its line at once, and then to the next
// second, and waits for each interrupt, asleep. Prints "R" when it begins. A byte of input ends it: it then prints the
// number of alarms that it has set and of those that it has had, as 16 hexadecimal digits each, and powers off. It hangs
// if one is lost, or comes twice. It needs a GICv3, and no PL031 passed through.

#include "board.inc"
#include "gic.inc"
#include "rtc.inc"
        .equ    CLOCK, 0x09010000               // has to be the Machine module's clock base
        .equ    UART_STATUS, 5                  // bit 0: a byte has come
        .equ    AT_ONCE, 16

        header
        adr     x0, vectors
        msr     vbar_el1, x0

        gic_on

        ldr     x20, =CLOCK
        mov     x21, #0                         // alarms set
        mov     x22, #0                         // alarms had, counted by the handler
        mov     w0, #1
        str     w0, [x20, #RTC_CLEAR]
        str     w0, [x20, #RTC_MASK]
        print   'R'
        print   '\n'

round:  mov     w25, #AT_ONCE
2:      ldr     w0, [x20, #RTC_DATA]
        bl      alarm
        subs    w25, w25, #1
        b.ne    2b
        ldr     w0, [x20, #RTC_DATA]
        add     w0, w0, #1
        bl      alarm
        ldr     x1, =UART
        ldrb    w0, [x1, #UART_STATUS]
        tbz     w0, #0, round

        print   'A'
        print_hex x21
        print   ' '
        print_hex x22
        print   '\n'
        psci    PSCI_SYSTEM_OFF
        .ltorg

        // Sets the alarm to w0 and returns, interrupts masked, when it has come.
alarm:  msr     daifset, #2
        add     x21, x21, #1
3:      str     w0, [x20, #RTC_MATCH]
        ldr     w1, [x20, #RTC_DATA]
        cmp     w1, w0
        b.ls    4f                              // it is due now, or later
        ldr     w2, [x20, #RTC_RAW]
        cbnz    w2, 4f
        mov     w0, w1                          // its second had passed before it was set: once more
        b       3b
4:      cmp     x22, x21
        b.eq    5f
        wfi
        msr     daifclr, #2
        isb
        msr     daifset, #2
        b       4b
5:      ret

        irq_vector
        acknowledge x10
        and     w12, w10, #0xffffff
        cmp     w12, #1020                      // spurious
        b.hs    7f
        mov     w11, #1
        str     w11, [x20, #RTC_CLEAR]
        add     x22, x22, #1
        end_of_interrupt x10
7:      eret
        footer
