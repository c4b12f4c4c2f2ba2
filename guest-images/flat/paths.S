// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// Drives a PL031 that is passed through at RTC: sets its alarm to now, which raises its line at once, waits for the interrupt in WFI, and
// adds up the counter's ticks from there to the acknowledgement, fifty times.  Its handler touches the device once, to clear the
// interrupt; with STATUS_FIRST it reads the status before, as drivers do. Between rounds it leaves the device alone for a while, so
// that the eventfd path maps the region again. Prints "T", the sum as 16 hexadecimal digits, and a newline.
// It needs a GICv3; which SPI the device has, it needn't know: it enables all.

#include "board.inc"
#include "gic.inc"
#include "rtc.inc"
        .equ    ROUNDS, 50
        .equ    PAUSE, 20                       // milliseconds: some ticks of the host, which has one CPU

        header
        adr     x0, vectors
        msr     vbar_el1, x0
        gic_on

        ldr     x20, =RTC
        mov     w21, #ROUNDS
        mov     x22, #0                         // the sum
        mrs     x25, cntfrq_el0
        mov     x0, #1000
        udiv    x25, x25, x0
        mov     x0, #PAUSE
        mul     x25, x25, x0
        mov     w0, #1
        str     w0, [x20, #RTC_CLEAR]
        str     w0, [x20, #RTC_MASK]

round:  mrs     x1, cntvct_el0
2:      isb
        mrs     x0, cntvct_el0
        sub     x0, x0, x1
        cmp     x0, x25
        b.lo    2b
        mov     w23, #0                         // set by the handler
        ldr     w0, [x20, #RTC_DATA]
        isb
        mrs     x24, cntvct_el0
        str     w0, [x20, #RTC_MATCH]
3:      wfi                                     // interrupts are masked: a pending one ends it all the same
        msr     daifclr, #2
        isb
        msr     daifset, #2
        cbz     w23, 3b
        subs    w21, w21, #1
        b.ne    round

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
        cbnz    w23, 6f                         // raised once more than there was a reason for
        sub     x11, x11, x24
        add     x22, x22, x11
6:
        .ifdef  STATUS_FIRST
        ldr     w11, [x20, #RTC_STATUS]
        .endif
        mov     w11, #1
        str     w11, [x20, #RTC_CLEAR]
        mov     w23, #1
        end_of_interrupt x10
7:      eret
        footer
