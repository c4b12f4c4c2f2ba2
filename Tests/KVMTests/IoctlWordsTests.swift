// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Testing

@testable import KVM

/// The numbers are those of include/uapi/linux/kvm.h and arch/arm64/include/uapi/asm/kvm.h.
@Suite struct IoctlWordsTests {
    @Test func `flags are the kernel's`() {
        #expect(IoctlWords.irqfd(resamples: false) == 0 && IoctlWords.irqfd(resamples: true) == 2)
        #expect(IoctlWords.ioeventfd(matches: false, isRemoved: false) == 0)
        #expect(IoctlWords.ioeventfd(matches: true, isRemoved: false) == 1)
        #expect(IoctlWords.ioeventfd(matches: false, isRemoved: true) == 4)
        #expect(IoctlWords.ioeventfd(matches: true, isRemoved: true) == 5)
        // KVM_ARM_VCPU_PSCI_0_2 is bit 2, KVM_ARM_VCPU_POWER_OFF bit 0.
        #expect(IoctlWords.vcpuFeatures(poweredOff: false) == 4 && IoctlWords.vcpuFeatures(poweredOff: true) == 5)
    }

    @Test(arguments: [
        (0 as UInt64, 0 as UInt64), (.max, 0), (0, .max), (.max, .max), (0x0123_4567_89AB_CDEF, 0xFEDC_BA98_7654_3210),
    ]) func `a register of 128 bits is put together and taken apart`(low: UInt64, high: UInt64) {
        let register = IoctlWords.register(low: low, high: high)
        #expect(register % (1 << 64) == UInt128(low) && register / (1 << 64) == UInt128(high))
        #expect(IoctlWords.halves(of: register) == (low, high))
    }
}
