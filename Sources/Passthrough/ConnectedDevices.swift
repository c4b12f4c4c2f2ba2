// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import KVM
public import LinuxSystem
internal import Synchronization
internal import VFIO

/// The passed-through devices of a running VM: their connections, and what they share (DMA mappings, group registrations).
///
/// Ownership: the thread that owns the machine sets up, silences and lets go; `state`'s lock is for the report, which may
/// be asked for from another.
public final class ConnectedDevices: Sendable {
    private struct State: ~Copyable {
        /// Declared first, so that they go first: the stack's share of each is then the last one.
        var connections: [DeviceConnection] = []
        var stack = ResourceStack()
    }

    private let state = Mutex(State())
    /// Declared after the state, so that they go last: a registration with KVM is undone through the group's descriptor.
    private let devices: PassthroughDevices
    private let system: any SystemCalls

    /// Joins `devices` to `vm`: DMA of those behind an IOMMU reaches `memory`, and nothing else.
    /// - Parameters:
    ///   - memory: the guest's RAM, each bank at its guest-physical address, which is the IOVA too.
    ///   - loop: watches the interrupts that pass through user space.
    /// - Throws: `PassthroughError`; everything is taken down again, newest first.
    public init(
        _ devices: PassthroughDevices, vm: VirtualMachine, memory: [(address: UInt64, mapping: MemoryMapping)],
        loop: EventLoop, log: Log, tracer: Tracer? = nil
    ) throws(PassthroughError) {
        system = vm.system
        self.devices = devices
        guard let first = devices.devices.first else { return }
        try state.withLock { (state) throws(PassthroughError) in
            if let container = devices.containers.container(.type1v2) {
                for bank in memory {
                    state.stack.keep(
                        try PassthroughError.vfio { () throws(VFIOError) in
                            try container.mapDMA(bank.mapping, iova: bank.address)
                        })
                }
            }
            let link = state.stack.keep(
                try PassthroughError.kvm(first.name) { () throws(KVMError) in try VFIOLink(vm) })
            var groups: Set<Int> = []
            for device in devices.devices where groups.insert(device.device.group.id).inserted {
                state.stack.keep(
                    try PassthroughError.kvm(device.name) { () throws(KVMError) in
                        try VFIOLink.Registration(link, group: device.device.group.rawValue)
                    })
            }
            for device in devices.devices {
                state.connections.append(
                    state.stack.keep(try DeviceConnection(device, vm: vm, loop: loop, log: log, tracer: tracer)))
            }
        }
    }

    /// Silences every device, newest first: triggers off, then a reset where the device has one.
    public func silence() {
        state.withLock { state in
            for connection in state.connections.reversed() { connection.quiesce() }
        }
    }

    /// What became of each device so far.
    public func reports() -> [DeviceReport] {
        let counts = HostInterruptCounts.read(system)
        return state.withLock { state in state.connections.map { $0.report(counts) } }
    }

    deinit {
        silence()
        // DMA mappings are older than the connections on the stack, so they go after the resets.
        state.withLock { state in
            state.connections = []
            state.stack.releaseAll()
        }
    }
}
