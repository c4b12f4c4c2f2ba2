// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// Does what the serial port says, a letter each, so that a test decides when a device interrupts and what the guest makes of it:
//   e  enable the SPIs     i  disable them     c  clear what is pending
//   a  set the PL031's alarm for the next second
//   A  200 alarms, one after the other         B  10 of them
//   G  100 times the PL031 and the PL061 at once
//   k  keep: from now on the handler doesn't clear the device, so that its line stays high
//   l  let go: clear the PL031, and from now on the handler does so again
//   R  ask for a reset in the handler of the next alarm: its line is high and the interrupt not ended
//   w  work: an empty loop
//   p  print how many interrupts came
//   q  power off
// Devices and SPIs are those of a configuration that lists the PL031, then the PL061, then a virtio-mmio transport, each with its
// "guest_address". It begins without touching any device, and with everything disabled. GICv2 or GICv3, 1 vCPU.

#include "board.inc"
#include "rtc.inc"
        .equ    UART_LINE_STATUS, 5
        .equ    GPIO, 0x0c001000                // Arm PrimeCell GPIO PL061 (DDI 0190), 3.2
        .equ    GPIO_PIN0, 0x004                // the data register as far as address bits 9:2 let it through
        .equ    GPIO_DIRECTION, 0x400
        .equ    GPIO_SENSE, 0x404
        .equ    GPIO_EVENT, 0x40c
        .equ    GPIO_ENABLE, 0x410
        .equ    GPIO_STATUS, 0x418
        .equ    GPIO_CLEAR, 0x41c
        .equ    VIRTIO, 0x0c002000              // Virtual I/O Device 1.2, 4.2.2
        .equ    VIRTIO_INTERRUPT_STATUS, 0x60
        .equ    RTC_INTID, 32 + 2               // SPIs 0 and 1 are the board's own
        .equ    GPIO_INTID, 32 + 3

        .equ    GICD, 0x08000000                // IHI 0069, 12.9; IHI 0048, 4.3
        .equ    GICD_CTLR, 0x0000
        .equ    GICD_IGROUPR1, 0x0084           // the words of SPIs 0 to 31
        .equ    GICD_ISENABLER1, 0x0104
        .equ    GICD_ICENABLER1, 0x0184
        .equ    GICD_ICPENDR1, 0x0284
        .equ    GICD_ITARGETSR8, 0x0820
        .equ    GICD_ICFGR2, 0x0c08
        .equ    GICR_WAKER, 0x000a0014          // from GICD
        .equ    GICC, 0x08010000                // GICv2: IHI 0048, 4.4
        .equ    GICC_CTLR, 0x00
        .equ    GICC_PMR, 0x04
        .equ    GICC_IAR, 0x0c
        .equ    GICC_EOIR, 0x10

        // x9 to x15 are the handler's alone. w17: the PL061 has interrupted; x18: GICC, or 0 with a GICv3; x20: RTC; x21: GPIO;
        // x22: UART; w23, w24, w25: interrupts of PL031, PL061, others; w26: 1 keeps the line high, 2 resets in the handler;
        // w27: the PL031 has interrupted; x28: GICD.

        .macro  say text:req
        adr     x0, 91f
        bl      print_text
        b       92f
91:     .asciz  "\text"
        .balign 4
92:
        .endm

        .macro  say_number value:req
        mov     w0, \value
        bl      print_number
        .endm

        header
        adr     x0, vectors
        msr     vbar_el1, x0
        ldr     x20, =RTC
        ldr     x21, =GPIO
        ldr     x22, =UART
        ldr     x28, =GICD
        mov     w23, #0
        mov     w24, #0
        mov     w25, #0
        mov     w26, #0

        mov     w0, #0x200                      // two bits an interrupt: the transport's is an edge, the others are level
        str     w0, [x28, #GICD_ICFGR2]
        str     wzr, [x28, #GICD_ICFGR2 + 4]
        mrs     x0, id_aa64pfr0_el1
        ubfx    x0, x0, #24, #4                 // system registers of a GICv3?
        cbz     x0, version2
        mov     x18, #0
        ldr     x1, =GICD + GICR_WAKER
        ldr     w0, [x1]
        bic     w0, w0, #2                      // wake the redistributor
        str     w0, [x1]
        mov     w0, #0x12                       // affinity routing, group 1
        str     w0, [x28, #GICD_CTLR]
        mov     w0, #-1
        str     w0, [x28, #GICD_IGROUPR1]
        mov     x0, #0xf0
        msr     S3_0_C4_C6_0, x0                // ICC_PMR_EL1: all priorities
        mov     x0, #1
        msr     S3_0_C12_C12_7, x0              // ICC_IGRPEN1_EL1
        isb
        b       ready
version2:
        ldr     x18, =GICC
        ldr     w0, =0x01010101                 // CPU 0
        add     x1, x28, #GICD_ITARGETSR8
        mov     w2, #8
1:      str     w0, [x1]                        // not post-indexed: KVM has to know what is stored
        add     x1, x1, #4
        subs    w2, w2, #1
        b.ne    1b
        mov     w0, #0xf0
        str     w0, [x18, #GICC_PMR]
        mov     w0, #1
        str     w0, [x18, #GICC_CTLR]
        str     w0, [x28, #GICD_CTLR]
ready:  msr     daifclr, #2
        say     "martlet-guest: ready\n"

main:   ldrb    w0, [x22, #UART_LINE_STATUS]
        tbnz    w0, #0, command                 // data ready
        mov     w1, #20000
1:      subs    w1, w1, #1
        b.ne    1b
        b       main

        .macro  on letter:req, label:req
        cmp     w0, #\letter
        b.eq    \label
        .endm
command:
        ldrb    w0, [x22, #UART_DATA]
        mov     w1, #-1
        on      'e', enable
        on      'i', disable
        on      'c', clear_pending
        on      'a', arm
        on      'A', alarms200
        on      'B', alarms10
        on      'G', both100
        on      'k', keep
        on      'l', let_go
        on      'R', reset
        on      'w', work
        on      'p', counts
        on      'q', off
        b       main

enable: str     w1, [x28, #GICD_ISENABLER1]
        b       main
disable:
        str     w1, [x28, #GICD_ICENABLER1]
        b       main
clear_pending:
        str     w1, [x28, #GICD_ICPENDR1]
        b       main
keep:   mov     w26, #1
        b       main
let_go: mov     w26, #0
        mov     w0, #1
        str     w0, [x20, #RTC_CLEAR]
        b       main
reset:  mov     w26, #2
        b       main
arm:    ldr     w0, [x20, #RTC_DATA]
        add     w0, w0, #1
        str     w0, [x20, #RTC_MATCH]
        mov     w0, #1
        str     w0, [x20, #RTC_MASK]
        b       main
off:    psci    PSCI_SYSTEM_OFF
work:   ldr     w1, =300000000
1:      subs    w1, w1, #1
        b.ne    1b
        say     "martlet-guest: worked\n"
        b       main
counts: say     "martlet-guest: counts rtc "
        say_number w23
        say     " gpio "
        say_number w24
        say     " other "
        say_number w25
        say     "\n"
        b       main

        // Sets the alarm to now, which raises the line at once, unless the second passes in between: then nothing was raised.
        .macro  raise_rtc
        ldr     w0, [x20, #RTC_DATA]
        str     w0, [x20, #RTC_MATCH]
        .endm

alarms200:
        mov     w4, #200
        b       alarms
alarms10:
        mov     w4, #10
alarms: mov     w5, #0                          // armed
        mov     w6, #0                          // received
        mov     w7, #0                          // too late
        mov     w16, w23
        mov     w0, #1
        str     w0, [x20, #RTC_MASK]
1:      mov     w27, #0
        raise_rtc
        bl      deadline
2:      cbnz    w27, 3f
        mrs     x2, cntvct_el0
        cmp     x2, x1
        b.lo    2b
        ldr     w0, [x20, #RTC_RAW]
        cbnz    w0, 4f                          // it was raised, and didn't come
        add     w7, w7, #1
        cmp     w7, #5
        b.ls    1b
        b       5f
3:      add     w6, w6, #1
4:      add     w5, w5, #1
        cmp     w5, w6
        b.ne    5f
        cmp     w5, w4
        b.ne    1b
5:      say     "martlet-guest: alarms armed "
        say_number w5
        say     " received "
        say_number w6
        say     " interrupts "
        sub     w16, w23, w16
        say_number w16
        say     "\n"
        b       main

both100:
        mov     w4, #100
        mov     w5, #0                          // rounds
        mov     w6, #0                          // in which both came
        mov     w7, #0                          // too late
        mov     w0, #1
        str     w0, [x20, #RTC_MASK]
        str     wzr, [x21, #GPIO_PIN0]
        str     w0, [x21, #GPIO_DIRECTION]      // pin 0 is driven by this guest,
        str     w0, [x21, #GPIO_SENSE]          // and interrupts while it is high
        str     w0, [x21, #GPIO_EVENT]
        str     w0, [x21, #GPIO_CLEAR]
        str     w0, [x21, #GPIO_ENABLE]
1:      mov     w27, #0
        mov     w17, #0
        msr     daifset, #2
        raise_rtc
        mov     w0, #1
        str     w0, [x21, #GPIO_PIN0]
        msr     daifclr, #2
        bl      deadline
2:      and     w0, w17, w27
        cbnz    w0, 3f
        mrs     x2, cntvct_el0
        cmp     x2, x1
        b.lo    2b
        cbz     w17, 4f
        ldr     w0, [x20, #RTC_RAW]
        cbnz    w0, 4f
        add     w7, w7, #1
        cmp     w7, #5
        b.ls    1b
        b       5f
3:      add     w6, w6, #1
4:      add     w5, w5, #1
        cmp     w5, w6
        b.ne    5f
        cmp     w5, w4
        b.ne    1b
5:      str     wzr, [x21, #GPIO_ENABLE]
        say     "martlet-guest: both raised "
        say_number w5
        say     " received "
        say_number w6
        say     "\n"
        b       main

deadline:                                       // x1: the counter's value two seconds from now
        mrs     x1, cntvct_el0
        mrs     x2, cntfrq_el0
        add     x1, x1, x2, lsl #1
        ret

print_text:                                     // x0: a string with a zero at its end
        ldrb    w1, [x0], #1
        cbz     w1, 1f
        strb    w1, [x22, #UART_DATA]
        b       print_text
1:      ret

print_number:                                   // w0, in decimal
        mov     w1, #10
        mov     w2, #1
1:      udiv    w3, w0, w2
        cmp     w3, w1
        b.lo    2f
        mul     w2, w2, w1
        b       1b
2:      udiv    w3, w0, w2
        msub    w0, w3, w2, w0
        add     w3, w3, #'0'
        strb    w3, [x22, #UART_DATA]
        udiv    w2, w2, w1
        cbnz    w2, 2b
        ret
        .ltorg

        irq_vector
        b       interrupt
        .balign 128

interrupt:
        cbnz    x18, 1f
        mrs     x10, S3_0_C12_C12_0             // ICC_IAR1_EL1: acknowledge
        b       2f
1:      ldr     w10, [x18, #GICC_IAR]
2:      and     w12, w10, #0x3ff
        cmp     w12, #1020                      // spurious
        b.hs    9f
        cmp     w12, #RTC_INTID
        b.eq    3f
        cmp     w12, #GPIO_INTID
        b.eq    4f
        add     w25, w25, #1
        ldr     x11, =VIRTIO
        ldr     w11, [x11, #VIRTIO_INTERRUPT_STATUS]
        b       7f
3:      add     w23, w23, #1                    // a driver looks whether its device it was, and then clears it
        ldr     w11, [x20, #RTC_STATUS]
        cbz     w11, 7f
        mov     w27, #1
        cmp     w26, #1
        b.eq    7f
        b.hi    8f
        str     w11, [x20, #RTC_CLEAR]
        b       7f
4:      add     w24, w24, #1
        ldr     w11, [x21, #GPIO_STATUS]
        cbz     w11, 7f
        mov     w17, #1
        str     wzr, [x21, #GPIO_PIN0]
        str     w11, [x21, #GPIO_CLEAR]
7:      cbnz    x18, 5f
        msr     S3_0_C12_C12_1, x10             // ICC_EOIR1_EL1
        isb
        eret
5:      str     w10, [x18, #GICC_EOIR]
9:      eret
8:      psci    PSCI_SYSTEM_RESET
        footer
