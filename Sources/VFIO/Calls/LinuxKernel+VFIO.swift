// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CLinux
public import HostDevices
public import LinuxSystem

/// The only file that issues VFIO ioctls.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension LinuxKernel: VFIOCalls {
    public func vfioAPIVersion(_ container: CInt) throws(Errno) -> CInt {
        try retrying { clinux_vfio_get_api_version(container) }
    }

    public func vfioSupports(_ container: CInt, _ type: VFIOIOMMUType) throws(Errno) -> Bool {
        try retrying { clinux_vfio_check_extension(container, UInt(type.rawValue)) } > 0
    }

    public func vfioSetIOMMU(_ container: CInt, _ type: VFIOIOMMUType) throws(Errno) {
        try retrying { clinux_vfio_set_iommu(container, UInt(type.rawValue)) }
    }

    public func vfioMapDMA(_ container: CInt, hostAddress: UInt, iova: UInt64, size: UInt64) throws(Errno) {
        try retrying { clinux_vfio_map_dma(container, UInt64(hostAddress), iova, size) }
    }

    public func vfioUnmapDMA(_ container: CInt, iova: UInt64, size: UInt64) throws(Errno) {
        try retrying { clinux_vfio_unmap_dma(container, iova, size) }
    }

    public func vfioIOMMUInfo(_ container: CInt) throws(Errno) -> [UInt8] {
        try GrowingAnswer.bytes { (info) throws(Errno) in
            let size = UInt32(info.count)
            // Safety: the kernel writes at most the given number of bytes, which is the array's length.
            try retrying { clinux_vfio_iommu_get_info(container, &info, size) }
        }
    }

    public func vfioGroupStatus(_ group: CInt) throws(Errno) -> VFIOGroupStatus {
        VFIOGroupStatus(rawValue: UInt32(try retrying { clinux_vfio_group_get_status(group) }))
    }

    public func vfioSetContainer(_ group: CInt, _ container: CInt) throws(Errno) {
        try retrying { clinux_vfio_group_set_container(group, container) }
    }

    public func vfioUnsetContainer(_ group: CInt) throws(Errno) {
        try retrying { clinux_vfio_group_unset_container(group) }
    }

    public func vfioDevice(_ group: CInt, named name: String) throws(Errno) -> CInt {
        try retrying { clinux_vfio_group_get_device_fd(group, name) }
    }

    public func vfioDeviceInfo(_ device: CInt) throws(Errno) -> VFIODeviceInfo {
        var flags: UInt32 = 0
        var regions: UInt32 = 0
        var interrupts: UInt32 = 0
        try retrying { clinux_vfio_device_get_info(device, &flags, &regions, &interrupts) }
        return VFIODeviceInfo(
            flags: VFIODeviceInfo.Flags(rawValue: flags), regionCount: regions, interruptCount: interrupts)
    }

    public func vfioRegionInfo(_ device: CInt, index: UInt32) throws(Errno) -> VFIORegion {
        var flags: UInt32 = 0
        var size: UInt64 = 0
        var offset: UInt64 = 0
        try retrying { clinux_vfio_device_get_region_info(device, index, &flags, &size, &offset) }
        return VFIORegion(
            index: Int(index), size: size, fileOffset: offset, access: VFIORegion.Access(rawValue: flags))
    }

    public func vfioInterruptInfo(_ device: CInt, index: UInt32) throws(Errno) -> VFIOInterrupt {
        var flags: UInt32 = 0
        var count: UInt32 = 0
        try retrying { clinux_vfio_device_get_irq_info(device, index, &flags, &count) }
        return VFIOInterrupt(index: Int(index), count: Int(count), flags: VFIOInterrupt.Flags(rawValue: flags))
    }

    public func vfioWireInterrupt(
        _ device: CInt, index: UInt32, action: VFIOInterruptAction, event: CInt?
    ) throws(Errno) {
        try retrying { clinux_vfio_device_set_irq_eventfd(device, index, action.rawValue, event ?? -1) }
    }

    public func vfioPerform(_ device: CInt, index: UInt32, action: VFIOInterruptAction) throws(Errno) {
        try retrying { clinux_vfio_device_set_irq_none(device, index, action.rawValue) }
    }

    public func vfioDisableInterrupt(_ device: CInt, index: UInt32) throws(Errno) {
        try retrying { clinux_vfio_device_disable_irq(device, index) }
    }

    public func vfioReset(_ device: CInt) throws(Errno) {
        try retrying { clinux_vfio_device_reset(device) }
    }

    public func vfioBind(_ device: CInt, iommufd: CInt) throws(Errno) {
        try retrying { clinux_vfio_device_bind_iommufd(device, iommufd) }
    }

    public func vfioAttach(_ device: CInt, addressSpace: UInt32) throws(Errno) {
        try retrying { clinux_vfio_device_attach_iommufd_pt(device, addressSpace) }
    }

    public func vfioDetach(_ device: CInt) throws(Errno) {
        try retrying { clinux_vfio_device_detach_iommufd_pt(device) }
    }

    public func iommuAllocate(_ iommufd: CInt) throws(Errno) -> UInt32 {
        var addressSpace: UInt32 = 0
        try retrying { clinux_iommu_ioas_alloc(iommufd, &addressSpace) }
        return addressSpace
    }

    public func iommuDestroy(_ iommufd: CInt, addressSpace: UInt32) throws(Errno) {
        try retrying { clinux_iommu_destroy(iommufd, addressSpace) }
    }

    public func iommuUsableRanges(_ iommufd: CInt, addressSpace: UInt32) throws(Errno) -> [IOVARange] {
        try GrowingAnswer.ranges { (pairs, count) throws(Errno) in
            // Safety: the kernel writes at most `count` pairs, for which the array has room.
            try retrying { clinux_iommu_ioas_iova_ranges(iommufd, addressSpace, &pairs, &count) }
        }
    }

    public func iommuMap(
        _ iommufd: CInt, addressSpace: UInt32, hostAddress: UInt, iova: UInt64, size: UInt64
    ) throws(Errno) {
        try retrying { clinux_iommu_ioas_map(iommufd, addressSpace, UInt64(hostAddress), iova, size) }
    }

    public func iommuUnmap(_ iommufd: CInt, addressSpace: UInt32, iova: UInt64, size: UInt64) throws(Errno) {
        try retrying { clinux_iommu_ioas_unmap(iommufd, addressSpace, iova, size) }
    }

    public func adopt(_ descriptor: CInt) throws(Errno) {
        noteHandedInDescriptor()
        try retrying { clinux_close_on_exec(descriptor) }
    }

    public func lockedMemoryLimit() throws(Errno) -> UInt64? {
        var limit: UInt64 = 0
        try retrying { clinux_memory_lock_limit(&limit) }
        if limit == .max { return nil }
        let isExempt = try retrying { clinux_has_capability(CInt(CLINUX_CAPABILITY_IPC_LOCK)) }
        return isExempt == 1 ? nil : limit
    }
}
