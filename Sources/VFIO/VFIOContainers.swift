// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Synchronization

/// The VFIO containers of one machine: one for the devices behind an IOMMU, since they share the guest's memory map,
/// and one for those without, which the kernel doesn't mix with them.
///
/// Nothing is open until the first device asks, and nothing stays open after the last one went: this type only
/// remembers what its devices keep alive.
public final class VFIOContainers: Sendable {
    private struct Weak { weak var container: VFIOContainer? }

    private let calls: any VFIOCalls
    /// Owned by this object, guarded by the lock.
    private let known = Mutex<[VFIOIOMMUType: Weak]>([:])

    /// Opens nothing yet.
    public init(calls: any VFIOCalls) { self.calls = calls }

    /// The group of `host`: opened, viable and in a container whose IOMMU is set. Devices of one group share it.
    ///
    /// Call it from one thread at a time.
    /// - Throws: `VFIOError.notReady`, and what `VFIOContainer` and `VFIOGroup` throw.
    public func group(of host: HostDevice) throws(VFIOError) -> VFIOGroup {
        let type: VFIOIOMMUType = try host.readyGroup().isNoIOMMU ? .noIOMMU : .type1v2
        if let container = container(type) { return try container.group(of: host) }
        let container = try VFIOContainer(type, for: host.name, calls: calls)
        known.withLock { $0[type] = Weak(container: container) }
        return try container.group(of: host)
    }

    /// The container of a type, for as long as it has a group.
    public func container(_ type: VFIOIOMMUType) -> VFIOContainer? { known.withLock { $0[type]?.container } }
}
