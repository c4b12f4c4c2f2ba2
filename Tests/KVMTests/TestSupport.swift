// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import KernelFakes
import LinuxSystem

@testable import KVM

/// KVM_CAP_* that tests set (include/uapi/linux/kvm.h).
enum Capability {
    static let userMemory: UInt32 = 3
    static let nrVCPUs: UInt32 = 9
    static let irqfd: UInt32 = 32
    static let ioeventfd: UInt32 = 36
    static let maxVCPUs: UInt32 = 66
    static let oneReg: UInt32 = 70
    static let irqfdResample: UInt32 = 82
    static let deviceControl: UInt32 = 89
    static let psci: UInt32 = 102
    static let immediateExit: UInt32 = 136
    static let ipaSize: UInt32 = 165
}

/// A kernel with a /dev/kvm that offers 40 address bits, unless told otherwise.
func fakeKVM(addressBits: Int = 40) -> FakeKernel {
    let kernel = FakeKernel()
    kernel.withState { state in
        state.devices.insert("/dev/kvm")
        state.kvm.capabilities[Capability.ipaSize] = addressBits
        state.kvm.capabilities[Capability.maxVCPUs] = 512
    }
    return kernel
}

extension FakeKernel {
    /// The journal's calls that begin with `prefix`, acquisitions and releases included.
    func calls(_ prefix: String) -> [String] {
        journal.map(\.description).filter { $0.dropFirst(2).hasPrefix(prefix) }
    }
}
