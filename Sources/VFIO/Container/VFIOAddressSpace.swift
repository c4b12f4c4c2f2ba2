// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem

/// What devices reach by DMA: the container of their groups, or the address space that they are attached to.
public enum VFIOAddressSpace: Sendable {
    case container(VFIOContainer)
    case iommufd(IOAddressSpace)

    /// What can be mapped with the current devices.
    /// - Throws: `VFIOError.failed`.
    public func limits() throws(VFIOError) -> IOVALimits {
        let device = someDevice
        switch self {
        case .container(let container):
            return IOVALimits(
                iommuInfo: try attempt(
                    .getIOMMUInfo, device.name, try container.calls.vfioIOMMUInfo(container.rawValue)))
        case .iommufd(let space):
            return IOVALimits(
                usable: try attempt(
                    .getUsableRanges, device.name,
                    try space.iommufd.calls.iommuUsableRanges(space.iommufd.rawValue, addressSpace: space.id)))
        }
    }

    /// Lets all its devices read and write `part` of `memory`, starting at `iova`.
    ///
    /// The pages are pinned: they stay in RAM for as long as the mapping lives.
    /// - Throws: `VFIOError.noTranslation` without an IOMMU, `.failed`.
    public func map(_ memory: MemoryMapping, part: Range<UInt64>, iova: UInt64) throws(VFIOError) -> VFIODMAMapping {
        try VFIODMAMapping(memory, part: part, iova: iova, in: self)
    }

    /// Any device in it, which errors about all of them name, and its group.
    var someDevice: (name: String, group: Int?) {
        switch self {
        case .container(let container):
            let group = container.liveGroups.first
            return (group?.deviceName ?? "VFIO container", group?.id)
        case .iommufd(let space):
            let device = space.someDevice
            return (device?.name ?? "/dev/iommu", device?.group)
        }
    }
}
