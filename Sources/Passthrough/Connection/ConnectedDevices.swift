// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import Board
public import KVM
public import LinuxSystem
internal import Synchronization
internal import VFIO

/// The passed-through devices of a running VM: their connections, and what they share (DMA mappings, group
/// registrations).
///
/// Ownership: the thread that owns the machine sets up, silences and releases them; `state`'s lock is for the report,
/// which another thread may request.
public final class ConnectedDevices: LiveDevice {
    private struct State: ~Copyable {
        var connections: [ConnectedDevice] = []
        var stack = ResourceStack()
    }

    private let state = Mutex(State())
    private let devices: PlacedDevices

    /// Connects `devices` to `vm`.
    ///
    /// DMA of devices behind an IOMMU reaches only `memory`, and the other devices' mapped regions if that is
    /// configured.
    /// - Parameters:
    ///   - memory: the guest's RAM, each bank at its guest-physical address, which is also the IOVA.
    ///   - loop: watches the interrupts that are handled in user space.
    /// - Throws: `PassthroughError`; everything is released again, newest first.
    public init(
        _ devices: PlacedDevices, vm: VirtualMachine, memory: [(address: UInt64, mapping: MemoryMapping)],
        loop: EventLoop, log: Log, tracer: Tracer? = nil
    ) throws(PassthroughError) {
        self.devices = devices
        guard let first = devices.devices.first else { return }
        try state.withLock { (state) throws(PassthroughError) in
            for space in devices.containers.guestSpaces {
                try Self.map(memory, in: space, onto: &state.stack, log: log)
            }
            let link = state.stack.keep(
                try mapError(PassthroughError.kvm(first.name), try VFIOLink(vm)))
            // One file for each group, or for each device that was opened by its own file.
            var files: Set<CInt> = []
            for device in devices.devices where files.insert(device.device.kvmFile).inserted {
                state.stack.keep(
                    try mapError(
                        PassthroughError.kvm(device.name),
                        try VFIOLink.Registration(link, group: device.device.kvmFile)))
            }
            for device in devices.devices {
                state.connections.append(
                    state.stack.keep(try ConnectedDevice(device, vm: vm, loop: loop, log: log, tracer: tracer)))
            }
            guard devices.devices.contains(where: \.settings.reachesPeers) else { return }
            for space in devices.containers.guestSpaces {
                try Self.mapRegions(of: state.connections, in: space, onto: &state.stack)
            }
        }
    }

    /// In bytes: memory is mapped for DMA in parts of this size, so that the progress for a large guest can be logged.
    /// It is a multiple of the largest page size of an IOMMU.
    private static let partSize: UInt64 = 1 << 30

    /// How many DMA mappings banks of these sizes take in each address space.
    public static func mappingCount(bankSizes: [UInt64]) -> Int {
        bankSizes.reduce(0) { $0 + Int($1 / partSize + ($1 % partSize == 0 ? 0 : 1)) }
    }

    /// Maps all of `memory`. This takes long, because each page is allocated, cleared and pinned.
    private static func map(
        _ memory: [(address: UInt64, mapping: MemoryMapping)], in space: VFIOAddressSpace,
        onto stack: inout ResourceStack, log: Log
    ) throws(PassthroughError) {
        let total = memory.reduce(0) { $0 + $1.mapping.size }
        let start = total > partSize ? Clock.monotonicNanoseconds : 0
        var done: UInt64 = 0
        for bank in memory {
            var offset: UInt64 = 0
            while offset < bank.mapping.size {
                let part = offset..<min(offset + partSize, bank.mapping.size)
                let mapping = try mapError(
                    PassthroughError.vfio, try space.map(bank.mapping, part: part, iova: bank.address + offset))
                stack.keep(mapping)
                offset = part.upperBound
                done += mapping.size
                guard total > partSize else { continue }
                // After such a wait, tell the user the reason.
                let isSlow = Clock.monotonicNanoseconds - start > 2_000_000_000
                log(isSlow ? .warning : .info, "pinned \(done >> 20) of \(total >> 20) MiB for devices")
            }
        }
    }

    /// Maps the regions that the guest reaches without exits, at the guest's addresses.
    private static func mapRegions(
        of connections: [ConnectedDevice], in space: VFIOAddressSpace, onto stack: inout ResourceStack
    ) throws(PassthroughError) {
        for connection in connections {
            for (address, region) in connection.regions.mappings {
                // Nil only during the region's `deinit`, and the connection has a share of it.
                guard let memory = region.memory else { continue }
                stack.keep(
                    try mapError(PassthroughError.vfio, try space.map(memory, part: 0..<memory.size, iova: address)))
            }
        }
    }

    /// Silences every device, newest first: disables its triggers, then resets it if possible.
    ///
    /// DMA that a device has started continues if nothing resets the device.
    public func quiesce() {
        state.withLock { state in
            for connection in state.connections.reversed() { connection.quiesce() }
        }
    }

    /// What prevents another start of the machine.
    ///
    /// Call it after the devices have been silenced.
    public func restartProblems() -> [RestartProblem] {
        state.withLock { state in state.connections.compactMap(\.restartProblem) }
    }

    /// The reports of the devices so far; `PlacedDevices.withFaults` adds the accesses that the IOMMU refused.
    public func reports() -> [DeviceReport] {
        if state.withLock({ $0.connections.isEmpty }) { return [] }
        let counts = devices.opened.hostInterruptCounts
        return state.withLock { state in state.connections.map { $0.report(counts) } }
    }

    /// The share of the devices is released last: undoing a registration with KVM needs the group's descriptor.
    deinit {
        quiesce()
        // The stack has the last share of each connection. DMA mappings are older, so they are released after the
        // resets.
        state.withLock { state in
            state.connections = []
            state.stack.releaseAll()
        }
    }
}
