// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import KVM
internal import LinuxSystem
internal import Synchronization
internal import VFIO

/// A device joined to a VM: its mapped regions in memory slots, its interrupts wired through irqfd.
///
/// Ownership: the connection owns slots, mappings and wirings, under `wiring`'s lock since `quiesce` may come from the
/// thread that stops the VM; they go newest first.
public final class DeviceConnection: Sendable {
    /// The device that is connected.
    public let device: PassthroughDevice
    private let wiring: Mutex<ResourceStack>
    private let memory: ResourceStack

    /// - Throws: `PassthroughError` naming the device and the call; nothing stays wired then.
    public init(_ device: PassthroughDevice, vm: VirtualMachine, log: Log) throws(PassthroughError) {
        self.device = device
        let name = device.name
        var memory = ResourceStack()
        for region in device.regions where region.isMapped {
            do throws(VFIOError) {
                let mapping = memory.keep(try device.device.map(region.info))
                do throws(KVMError) {
                    memory.keep(try MemorySlot(vm, at: region.range.base.rawValue, mapping: mapping.memory))
                } catch { throw PassthroughError.kvm(device: name, error) }
            } catch { throw Self.wrap(error, name) }
        }
        var wiring = ResourceStack()
        for interrupt in device.interrupts {
            try IRQFDPath.wire(interrupt, of: device, vm: vm, into: &wiring)
            log(.debug, "\(name): interrupt \(interrupt.info.index) \(interrupt.trigger) \(interrupt.spi): irqfd")
        }
        self.memory = memory
        self.wiring = Mutex(wiring)
    }

    private static func wrap(_ error: any Error, _ device: String) -> PassthroughError {
        switch error {
        case let error as PassthroughError: error
        case let error as VFIOError: .vfio(error)
        case let error as KVMError: .kvm(device: device, error)
        case let error as Errno: .call(device: device, "eventfd", errno: error)
        default: .call(device: device, "set-up", errno: .ioError)
        }
    }

    /// Silences the device: interrupts off, then a reset where the device has one. Its DMA is the caller's next step.
    public func quiesce() {
        wiring.withLock { $0.releaseAll() }
        guard device.device.canReset else { return }
        do { try device.device.reset() } catch {}
    }
}
