// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import HostDevices
public import LinuxSystem

/// The VFIO ioctls, and the system calls that VFIO needs.
///
/// `LinuxKernel` is the real kernel; unit tests use a fake. Each method is one ioctl and throws the kernel's `Errno`;
/// the caller adds the device to the error.
/// - SeeAlso: include/uapi/linux/vfio.h, Documentation/driver-api/vfio.rst
public protocol VFIOCalls: SystemCalls {
    /// VFIO_GET_API_VERSION.
    func vfioAPIVersion(_ container: CInt) throws(Errno) -> CInt
    /// VFIO_CHECK_EXTENSION: whether the kernel can give the container an IOMMU of this type.
    func vfioSupports(_ container: CInt, _ type: VFIOIOMMUType) throws(Errno) -> Bool
    /// VFIO_SET_IOMMU: fails for a container without a group.
    func vfioSetIOMMU(_ container: CInt, _ type: VFIOIOMMUType) throws(Errno)
    /// VFIO_IOMMU_MAP_DMA: lets the container's devices read and write `size` bytes at `iova`.
    func vfioMapDMA(_ container: CInt, hostAddress: UInt, iova: UInt64, size: UInt64) throws(Errno)
    /// VFIO_IOMMU_UNMAP_DMA of a whole mapping.
    func vfioUnmapDMA(_ container: CInt, iova: UInt64, size: UInt64) throws(Errno)
    /// VFIO_IOMMU_GET_INFO: struct vfio_iommu_type1_info with its capabilities, as the kernel wrote them.
    func vfioIOMMUInfo(_ container: CInt) throws(Errno) -> [UInt8]

    /// VFIO_GROUP_GET_STATUS.
    func vfioGroupStatus(_ group: CInt) throws(Errno) -> VFIOGroupStatus
    /// VFIO_GROUP_SET_CONTAINER.
    func vfioSetContainer(_ group: CInt, _ container: CInt) throws(Errno)
    /// VFIO_GROUP_UNSET_CONTAINER: fails while a device of the group is open.
    func vfioUnsetContainer(_ group: CInt) throws(Errno)
    /// VFIO_GROUP_GET_DEVICE_FD: a new descriptor, closed by the caller.
    func vfioDevice(_ group: CInt, named name: String) throws(Errno) -> CInt

    /// VFIO_DEVICE_GET_INFO.
    func vfioDeviceInfo(_ device: CInt) throws(Errno) -> VFIODeviceInfo
    /// VFIO_DEVICE_GET_REGION_INFO.
    func vfioRegionInfo(_ device: CInt, index: UInt32) throws(Errno) -> VFIORegion
    /// VFIO_DEVICE_GET_IRQ_INFO.
    func vfioInterruptInfo(_ device: CInt, index: UInt32) throws(Errno) -> VFIOInterrupt
    /// VFIO_DEVICE_SET_IRQS with an eventfd; without one it removes the eventfd of `action`.
    func vfioWireInterrupt(
        _ device: CInt, index: UInt32, action: VFIOInterruptAction, event: CInt?
    ) throws(Errno)
    /// VFIO_DEVICE_SET_IRQS without data: performs `action` once, now.
    func vfioPerform(_ device: CInt, index: UInt32, action: VFIOInterruptAction) throws(Errno)
    /// VFIO_DEVICE_SET_IRQS with a count of 0: removes the interrupt's trigger.
    func vfioDisableInterrupt(_ device: CInt, index: UInt32) throws(Errno)
    /// VFIO_DEVICE_RESET.
    func vfioReset(_ device: CInt) throws(Errno)

    /// VFIO_DEVICE_BIND_IOMMUFD: `device`, opened by its own file, is usable from then on.
    func vfioBind(_ device: CInt, iommufd: CInt) throws(Errno)
    /// VFIO_DEVICE_ATTACH_IOMMUFD_PT: the device's DMA goes through this address space.
    func vfioAttach(_ device: CInt, addressSpace: UInt32) throws(Errno)
    /// VFIO_DEVICE_DETACH_IOMMUFD_PT: the device's DMA reaches nothing.
    func vfioDetach(_ device: CInt) throws(Errno)
    /// IOMMU_IOAS_ALLOC: the number of a new, empty address space.
    func iommuAllocate(_ iommufd: CInt) throws(Errno) -> UInt32
    /// IOMMU_DESTROY of an address space.
    func iommuDestroy(_ iommufd: CInt, addressSpace: UInt32) throws(Errno)
    /// IOMMU_IOAS_IOVA_RANGES: the addresses that can be mapped, which depend on the attached devices.
    func iommuUsableRanges(_ iommufd: CInt, addressSpace: UInt32) throws(Errno) -> [IOVARange]
    /// IOMMU_IOAS_MAP at a fixed address, for reading and writing.
    func iommuMap(
        _ iommufd: CInt, addressSpace: UInt32, hostAddress: UInt, iova: UInt64, size: UInt64
    ) throws(Errno)
    /// IOMMU_IOAS_UNMAP of a whole mapping.
    func iommuUnmap(_ iommufd: CInt, addressSpace: UInt32, iova: UInt64, size: UInt64) throws(Errno)

    /// Sets close-on-exec on a descriptor that this process was started with (fcntl(2), F_SETFD).
    /// - Throws: EBADF when it isn't open.
    func adopt(_ descriptor: CInt) throws(Errno)
    /// How many bytes this process may lock in RAM (RLIMIT_MEMLOCK); nil for any number, by the limit or by
    /// CAP_IPC_LOCK.
    func lockedMemoryLimit() throws(Errno) -> UInt64?
}

/// The state of a group (VFIO_GROUP_FLAGS_*).
public struct VFIOGroupStatus: OptionSet, Sendable {
    /// The kernel's bits.
    public let rawValue: UInt32
    /// Takes the kernel's bits.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// No driver of the host does DMA in the group, so user space may use it.
    public static let viable = VFIOGroupStatus(rawValue: 1 << 0)
    /// The group is in a container.
    public static let containerSet = VFIOGroupStatus(rawValue: 1 << 1)
}

/// What the kernel reports about a device (struct vfio_device_info).
public struct VFIODeviceInfo: Equatable, Sendable {
    /// VFIO_DEVICE_FLAGS_*.
    public struct Flags: OptionSet, Sendable {
        /// The kernel's bits.
        public let rawValue: UInt32
        /// Takes the kernel's bits.
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        /// The kernel has a function that resets the device.
        public static let reset = Flags(rawValue: 1 << 0)
        /// A platform device.
        public static let platform = Flags(rawValue: 1 << 2)
        /// An AMBA device.
        public static let amba = Flags(rawValue: 1 << 3)
    }

    /// What kind of device it is and what it can do.
    public let flags: Flags
    /// How many regions it has.
    public let regionCount: UInt32
    /// How many interrupts it has.
    public let interruptCount: UInt32

    /// Combines the three.
    public init(flags: Flags, regionCount: UInt32, interruptCount: UInt32) {
        self.flags = flags
        self.regionCount = regionCount
        self.interruptCount = interruptCount
    }
}
