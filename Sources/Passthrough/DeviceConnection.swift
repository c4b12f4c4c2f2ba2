// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import KVM
public import LinuxSystem
internal import Synchronization
internal import VFIO

/// A device joined to a VM: its mapped regions in memory slots, its interrupts wired through irqfd.
///
/// Ownership: the connection owns slots, mappings and wirings, under `wiring`'s lock since `quiesce` may come from the
/// thread that stops the VM; they go newest first.
public final class DeviceConnection: Sendable {
    /// The device that is connected.
    public let device: PassthroughDevice
    private struct Wiring: ~Copyable {
        var resources: ResourceStack
        var isQuiet = false
    }

    private let wiring: Mutex<Wiring>
    private let memory: ResourceStack

    /// - Throws: `PassthroughError` naming the device and the call; nothing stays wired then.
    public init(_ device: PassthroughDevice, vm: VirtualMachine, log: Log) throws(PassthroughError) {
        self.device = device
        let name = device.name
        var memory = ResourceStack()
        for region in device.regions where region.isMapped {
            let mapping = memory.keep(
                try PassthroughError.vfio { () throws(VFIOError) in try device.device.map(region.info) })
            let slot = try PassthroughError.kvm(name) { () throws(KVMError) in
                try MemorySlot(vm, at: region.range.base.rawValue, mapping: mapping.memory)
            }
            memory.keep(slot)
        }
        var wiring = ResourceStack()
        for interrupt in device.interrupts {
            try IRQFDPath.wire(interrupt, of: device, vm: vm, into: &wiring)
            log(.debug, "\(name): interrupt \(interrupt.info.index) \(interrupt.trigger) \(interrupt.spi): irqfd")
        }
        self.memory = memory
        self.wiring = Mutex(Wiring(resources: wiring))
    }

    /// Silences the device: interrupts off, then a reset where the device has one. Its DMA is the caller's next step.
    /// A second call does nothing.
    public func quiesce() {
        let isFirst = wiring.withLock { wiring in
            wiring.resources.releaseAll()
            defer { wiring.isQuiet = true }
            return !wiring.isQuiet
        }
        guard isFirst, device.device.canReset else { return }
        do { try device.device.reset() } catch {}
    }
}
