// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import HostDevices
internal import LinuxSystem

/// A kernel call of VFIO, with the object that it was made on.
public enum VFIOOperation: CustomStringConvertible, Equatable, Sendable {
    case openContainer
    case getAPIVersion
    case checkExtension(VFIOIOMMUType)
    case openGroup(HostDevice.IOMMUGroup)
    case getGroupStatus
    case setContainer(HostDevice.IOMMUGroup)
    case setIOMMU(VFIOIOMMUType)
    case getDevice(isNoIOMMU: Bool)
    case getDeviceInfo
    case getRegionInfo(Int)
    case getInterruptInfo(Int)
    case wireInterrupt(VFIOInterruptAction, Int)
    case performInterrupt(VFIOInterruptAction, Int)
    case disableInterrupt(Int)
    case reset
    case mapRegion(Int)
    case readRegion(Int, offset: UInt64, size: Int)
    case writeRegion(Int, offset: UInt64, size: Int)
    case mapDMA(iova: UInt64, size: UInt64, group: Int?)
    case getIOMMUInfo
    case openIOMMUFD
    case openDeviceFile(String)
    case adopt(key: String, CInt)
    case bind(HostDevice.IOMMUGroup, file: String)
    case attach(HostDevice.IOMMUGroup)
    case allocateAddressSpace
    case getUsableRanges
    case mapAddressSpace(iova: UInt64, size: UInt64, group: Int?)

    /// The kernel's name of the call, and its object: "VFIO_DEVICE_GET_REGION_INFO of region 0".
    public var description: String {
        switch self {
        case .openContainer: "open /dev/vfio/vfio"
        case .getAPIVersion: "VFIO_GET_API_VERSION"
        case .checkExtension(let type): "VFIO_CHECK_EXTENSION \(type.symbol)"
        case .openGroup(let group): "open \(group.node)"
        case .getGroupStatus: "VFIO_GROUP_GET_STATUS"
        case .setContainer(let group): "VFIO_GROUP_SET_CONTAINER of group \(group.id)"
        case .setIOMMU(let type): "VFIO_SET_IOMMU \(type.symbol)"
        case .getDevice: "VFIO_GROUP_GET_DEVICE_FD"
        case .getDeviceInfo: "VFIO_DEVICE_GET_INFO"
        case .getRegionInfo(let index): "VFIO_DEVICE_GET_REGION_INFO of region \(index)"
        case .getInterruptInfo(let index): "VFIO_DEVICE_GET_IRQ_INFO of interrupt \(index)"
        case .wireInterrupt(let action, let index):
            "VFIO_DEVICE_SET_IRQS (eventfd, \(action)) of interrupt \(index)"
        case .performInterrupt(let action, let index): "VFIO_DEVICE_SET_IRQS (\(action)) of interrupt \(index)"
        case .disableInterrupt(let index): "VFIO_DEVICE_SET_IRQS (disable) of interrupt \(index)"
        case .reset: "VFIO_DEVICE_RESET"
        case .mapRegion(let index): "mmap of region \(index)"
        case .readRegion(let index, let offset, let size):
            "pread of \(size) bytes at \(hex(offset)) of region \(index)"
        case .writeRegion(let index, let offset, let size):
            "pwrite of \(size) bytes at \(hex(offset)) of region \(index)"
        case .mapDMA(let iova, let size, _): "VFIO_IOMMU_MAP_DMA of \(hex(size)) bytes at \(hex(iova))"
        case .getIOMMUInfo: "VFIO_IOMMU_GET_INFO"
        case .openIOMMUFD: "open /dev/iommu"
        case .openDeviceFile(let path): "open \(path)"
        case .adopt(let key, let number): "fcntl(F_SETFD) of \(key) \(number)"
        case .bind: "VFIO_DEVICE_BIND_IOMMUFD"
        case .attach: "VFIO_DEVICE_ATTACH_IOMMUFD_PT"
        case .allocateAddressSpace: "IOMMU_IOAS_ALLOC"
        case .getUsableRanges: "IOMMU_IOAS_IOVA_RANGES"
        case .mapAddressSpace(let iova, let size, _): "IOMMU_IOAS_MAP of \(hex(size)) bytes at \(hex(iova))"
        }
    }
}
