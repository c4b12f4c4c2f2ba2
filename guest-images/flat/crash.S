// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// One byte, then a load that KVM can't describe to user space (a pair gives no syndrome: Arm ARM, ESR_EL2.ISS.ISV) from where
// nothing is: KVM_RUN fails. (A mere jump to nowhere doesn't do: KVM gives the guest an abort, and the next, for ever.)

#include "board.inc"
        header
        print   'A'
        ldr     x1, =UNMAPPED
        ldp     x2, x3, [x1], #16
        psci    PSCI_SYSTEM_OFF
        footer
