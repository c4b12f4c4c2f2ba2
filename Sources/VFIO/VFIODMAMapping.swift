// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem

/// Memory that the devices of a container can reach. It is unmapped from the IOMMU when this goes, and only then is
/// the memory let go.
public final class VFIODMAMapping: Sendable {
    /// Where devices see it.
    public let iova: UInt64
    /// What they see.
    public let memory: MemoryMapping
    /// The groups that the container had: with its last group the kernel would drop the IOMMU and all mappings.
    private let groups: [VFIOGroup]
    private let container: VFIOContainer

    init(_ memory: MemoryMapping, iova: UInt64, in container: VFIOContainer) throws(VFIOError) {
        let groups = container.liveGroups
        let device = groups.first?.deviceName ?? "VFIO container"
        guard container.type == .type1v2 else { throw .noTranslation(device: device) }
        let operation = VFIOOperation.mapDMA(iova: iova, size: memory.size, group: groups.first?.id)
        try attempt(operation, device) { () throws(Errno) in
            try container.calls.vfioMapDMA(
                container.rawValue, hostAddress: memory.address, iova: iova, size: memory.size)
        }
        self.iova = iova
        self.memory = memory
        self.groups = groups
        self.container = container
    }

    deinit {
        // Type 1 v2 refuses only what cuts a mapping in two (vfio_iommu_type1.c), and this is a whole one.
        try? container.calls.vfioUnmapDMA(container.rawValue, iova: iova, size: memory.size)
    }
}
