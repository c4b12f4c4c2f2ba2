// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// Memory that the devices of an address space can reach.
///
/// The `deinit` unmaps it from the IOMMU, and only then releases the memory.
public final class VFIODMAMapping: Sendable {
    /// The first address at which devices see it.
    public let iova: UInt64
    /// In bytes.
    public let size: UInt64
    private let space: VFIOAddressSpace
    /// The groups in the container: with its last group the kernel would remove the IOMMU and all mappings.
    private let groups: OwnedList<VFIOGroup>
    /// The memory, of which devices see a part.
    private let memory: Share<MemoryMapping>

    init(_ memory: MemoryMapping, part: Range<UInt64>, iova: UInt64, in space: VFIOAddressSpace) throws(VFIOError) {
        let device = space.someDevice
        let size = part.upperBound - part.lowerBound
        guard memory.bytes(at: part.lowerBound, count: size) != nil else {
            throw .failed(device: device.name, .mapDMA(iova: iova, size: size, group: device.group), .badAddress)
        }
        // No overflow: the part is inside the mapping.
        let address = memory.address + UInt(part.lowerBound)
        switch space {
        case .container(let container):
            guard container.type == .type1v2 else { throw .noTranslation(device: device.name) }
            groups = OwnedList(container.liveGroups)
            try attempt(
                .mapDMA(iova: iova, size: size, group: device.group), device.name,
                try container.calls.vfioMapDMA(container.rawValue, hostAddress: address, iova: iova, size: size))
        case .iommufd(let space):
            groups = OwnedList()
            try attempt(
                .mapAddressSpace(iova: iova, size: size, group: device.group), device.name,
                try space.iommufd.calls.iommuMap(
                    space.iommufd.rawValue, addressSpace: space.id, hostAddress: address, iova: iova, size: size))
        }
        self.iova = iova
        self.size = size
        self.memory = Share(memory)
        self.space = space
    }

    /// Unmaps it for the devices first, then releases the memory, then what the devices are in.
    deinit {
        // Both calls refuse only a request that cuts a mapping in two (vfio_iommu_type1.c, iommufd/io_pagetable.c);
        // this one is for a whole mapping.
        switch space {
        case .container(let container):
            try? container.calls.vfioUnmapDMA(container.rawValue, iova: iova, size: size)
        case .iommufd(let space):
            try? space.iommufd.calls.iommuUnmap(
                space.iommufd.rawValue, addressSpace: space.id, iova: iova, size: size)
        }
        memory.release()
        groups.releaseAll()
    }
}
