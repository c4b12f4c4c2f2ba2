// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import HostDevices
public import LinuxSystem
internal import Synchronization

/// The kind of IOMMU between a container's devices and memory.
public enum VFIOIOMMUType: UInt32, Sendable {
    /// VFIO_TYPE1v2_IOMMU: devices reach only what is mapped.
    case type1v2 = 3
    /// VFIO_NOIOMMU_IOMMU: devices address the host's physical memory.
    case noIOMMU = 8

    /// The name in include/uapi/linux/vfio.h.
    var symbol: String {
        switch self {
        case .type1v2: "VFIO_TYPE1v2_IOMMU"
        case .noIOMMU: "VFIO_NOIOMMU_IOMMU"
        }
    }
}

/// A VFIO container: groups that share one I/O address space.
///
/// A device keeps its group alive, and a group its container: when the last device is released, everything is closed.
/// - SeeAlso: Documentation/driver-api/vfio.rst, "Groups, Devices, and IOMMUs"
public final class VFIOContainer: Sendable {
    private struct Weak { weak var group: VFIOGroup? }

    /// The type of its IOMMU.
    public let type: VFIOIOMMUType
    /// Whether nothing is ever mapped in it, so that DMA of its devices faults.
    public let isClosed: Bool
    let calls: any VFIOCalls
    private let descriptor: OwnedDescriptor
    /// The groups by number. Owned by this object, guarded by the lock.
    private let groups = Mutex<[Int: Weak]>([:])

    /// Opens /dev/vfio/vfio and checks the kernel's version of VFIO.
    /// - Parameters:
    ///   - device: the name of the first device, which errors name.
    ///   - node: the file of its group, which is opened next.
    /// - Throws: `VFIOError.failed`, `.hiddenNode`, `.incompatibleAPI`, `.iommuUnsupported`.
    public init(
        _ type: VFIOIOMMUType, isClosed: Bool = false, for device: String, node: String? = nil, calls: any VFIOCalls
    ) throws(VFIOError) {
        self.type = type
        self.isClosed = isClosed
        self.calls = calls
        descriptor = OwnedDescriptor(
            adopting: try calls.openNode(
                "/dev/vfio/vfio", .openContainer, for: device, sysfs: "/sys/class/misc/vfio",
                others: node.map { [$0] } ?? []), of: calls)
        let raw = descriptor.rawValue
        let version = try attempt(.getAPIVersion, device, try calls.vfioAPIVersion(raw))
        // VFIO_API_VERSION has been 0 from the beginning.
        guard version == 0 else { throw .incompatibleAPI(device: device, found: version) }
        let isSupported = try attempt(.checkExtension(type), device, try calls.vfioSupports(raw, type))
        guard isSupported else { throw .iommuUnsupported(device: device, type: type) }
    }

    /// The group of `host` in this container, opened if it isn't open yet.
    ///
    /// Call it from one thread at a time.
    /// - Throws: what `VFIOGroup` throws.
    public func group(of host: HostDevice) throws(VFIOError) -> VFIOGroup {
        let facts = try VFIOError.group(of: host)
        if let group = groups.withLock({ $0[facts.id]?.group }) { return group }
        // The kernel removes the IOMMU with the last group, so the first group sets it each time.
        let group = try VFIOGroup(facts, of: host, in: self, setsIOMMU: liveGroups.isEmpty)
        groups.withLock { $0[facts.id] = Weak(group: group) }
        return group
    }

    /// Lets all devices of the container read and write `memory` at `iova`.
    ///
    /// For a guest's RAM, `iova` is its guest-physical address. The pages are pinned: they stay in RAM for as long as
    /// the mapping lives.
    /// - Throws: `VFIOError.noTranslation` for a container without an IOMMU, `.failed`.
    public func mapDMA(_ memory: MemoryMapping, iova: UInt64) throws(VFIOError) -> VFIODMAMapping {
        try VFIODMAMapping(memory, part: 0..<memory.size, iova: iova, in: .container(self))
    }

    /// The open groups, lowest number first.
    var liveGroups: [VFIOGroup] {
        groups.withLock { groups in groups.values.compactMap(\.group) }.sorted { $0.id < $1.id }
    }

    /// The number, for the group's and the mapping's ioctls.
    var rawValue: CInt { descriptor.rawValue }
}
