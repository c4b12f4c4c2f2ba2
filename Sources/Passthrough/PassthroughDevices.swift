// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import KVM
public import LinuxSystem
public import PlatformBus
internal import Synchronization
public import VFIO

/// All devices of one VM, and what they share: containers, groups, DMA mappings.
///
/// Ownership: set up and taken down by one thread, the one that owns the machine; the connections are guarded by their
/// lock since the report reads them from it as well.
public final class PassthroughDevices: Sendable {
    /// In the order of the configuration.
    public let devices: [PassthroughDevice]
    private let containers: VFIOContainers
    private let log: Log
    private let connected = Mutex(Connected())

    private struct Connected: ~Copyable {
        /// Declared first, so that they go first: the stack's share of each connection is then the last one.
        var connections: [DeviceConnection] = []
        var stack = ResourceStack()
    }

    /// Opens every device and places it on the bus.
    /// - Throws: for the first device that fails; the ones before it are closed again.
    public init(
        _ settings: [PassthroughDevice.Settings], calls: any VFIOCalls, bus: PlatformBus, sysfs: Sysfs, log: Log
    ) throws(PassthroughError) {
        self.log = log
        containers = VFIOContainers(calls: calls)
        var stack = ResourceStack()
        var devices: [PassthroughDevice] = []
        for settings in settings {
            let device = try PassthroughDevice(settings, containers: containers, bus: bus, sysfs: sysfs, log: log)
            devices.append(device)
            stack.keep(device)
        }
        self.devices = devices
    }

    /// Joins all devices to the VM: DMA of devices behind an IOMMU reaches `memory`, and nothing else.
    /// - Parameter memory: the guest's RAM, each bank at its guest-physical address, which is the IOVA too.
    /// - Throws: `PassthroughError`; everything is taken down again, newest first.
    public func connect(
        to vm: VirtualMachine, memory: [(address: UInt64, mapping: MemoryMapping)]
    ) throws(PassthroughError) {
        guard let first = devices.first else { return }
        try connected.withLock { (connected) throws(PassthroughError) in
            var new = Connected()
            if let container = containers.container(.type1v2) {
                for bank in memory {
                    new.stack.keep(
                        try PassthroughError.vfio { () throws(VFIOError) in
                            try container.mapDMA(bank.mapping, iova: bank.address)
                        })
                }
            }
            let link = new.stack.keep(
                try PassthroughError.kvm(first.name) { () throws(KVMError) in try VFIOLink(vm) })
            var groups: Set<Int> = []
            for device in devices where groups.insert(device.device.group.id).inserted {
                new.stack.keep(
                    try PassthroughError.kvm(device.name) { () throws(KVMError) in
                        try VFIOLink.Registration(link, group: device.device.group.rawValue)
                    })
            }
            for device in devices {
                new.connections.append(new.stack.keep(try DeviceConnection(device, vm: vm, log: log)))
            }
            connected = new
        }
    }

    /// Silences every device, newest first: triggers off, reset, then the DMA mappings go.
    public func quiesce() {
        connected.withLock { connected in
            for connection in connected.connections.reversed() { connection.quiesce() }
            connected.connections = []
            connected.stack.releaseAll()
        }
    }
}
