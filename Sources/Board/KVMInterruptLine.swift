// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import KVM
internal import PlatformBus

/// An emulated device's line to KVM's interrupt controller.
struct KVMInterruptLine: InterruptLine {
    let vm: VirtualMachine
    let spi: SPI

    func setLevel(_ high: Bool) {
        // KVM_IRQ_LINE fails only for an SPI that the vGIC doesn't have, and the bus never allocates one of those.
        do { try vm.setInterruptLine(GSI(rawValue: spi.rawValue), high: high) } catch {}
    }

    func pulse() {
        setLevel(true)
        setLevel(false)
    }
}
