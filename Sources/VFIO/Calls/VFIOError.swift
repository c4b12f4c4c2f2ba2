// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import HostDevices
public import LinuxSystem

/// Why a device can't be used.
///
/// `description` says what failed, on which device, why, and what to do about it.
public enum VFIOError: Error, Equatable, Sendable {
    /// The device isn't ready on the host.
    case host(HostDeviceError)
    /// The kernel has this device file, but /dev doesn't; `others` are further files that are needed.
    case hiddenNode(device: String, VFIOOperation, path: String, others: [String])
    /// The kernel has another version of VFIO.
    case incompatibleAPI(device: String, found: CInt)
    /// The kernel doesn't support this IOMMU type for the container.
    case iommuUnsupported(device: String, type: VFIOIOMMUType)
    /// Host drivers, or another process, use devices of the same group.
    case groupNotViable(device: String, group: HostDevice.IOMMUGroup)
    /// This process has the device open.
    case alreadyOpen(device: String)
    /// VFIO has the device, but as one of another kind (VFIO_DEVICE_FLAGS_*).
    case notPlatformOrAMBA(device: String, flags: UInt32)
    /// The kernel reports a value that can't be true.
    case implausible(device: String, problem: String)
    /// The interrupt already has an eventfd for this action; remove that one first.
    case alreadyWired(device: String, interrupt: Int, VFIOInterruptAction)
    /// A region that VFIO doesn't let user space map.
    case notMappable(device: String, region: VFIORegion)
    /// An access that is not inside the region, or whose size is not 1, 2, 4 or 8 bytes.
    case invalidAccess(device: String, region: VFIORegion, offset: UInt64, size: Int)
    /// The kernel transferred fewer bytes than requested.
    case shortTransfer(device: String, VFIOOperation, count: Int)
    /// `dma` asks for an IOMMU, but the device has none.
    case noIOMMU(device: String)
    /// `dma` asks for physical addresses, but an IOMMU translates the device's addresses.
    case identityBehindIOMMU(device: String, group: Int)
    /// Two devices of one group: one may reach the guest's memory, the other may not.
    case groupSharesDMA(device: String, group: Int, other: String)
    /// The device has no file of its own through which it can be opened.
    case noDeviceFile(device: String, isNoIOMMU: Bool)
    /// A descriptor that was handed in belongs to another file; `key` is its key in the configuration.
    case wrongDescriptor(device: String, key: String, number: CInt, found: String, wanted: String)
    /// DMA can't be mapped: there is no IOMMU between the device and memory.
    case noTranslation(device: String)
    /// A call to the kernel failed.
    case failed(device: String, VFIOOperation, Errno)

    /// The device that the error is about: its name, or the path that was given for it.
    public var device: String {
        switch self {
        case .hiddenNode(let device, _, _, _), .incompatibleAPI(let device, _),
            .iommuUnsupported(let device, _), .groupNotViable(let device, _), .alreadyOpen(let device),
            .notPlatformOrAMBA(let device, _), .implausible(let device, _), .notMappable(let device, _),
            .invalidAccess(let device, _, _, _), .shortTransfer(let device, _, _), .noTranslation(let device),
            .alreadyWired(let device, _, _), .noIOMMU(let device), .identityBehindIOMMU(let device, _),
            .groupSharesDMA(let device, _, _),
            .noDeviceFile(let device, _), .wrongDescriptor(let device, _, _, _, _),
            .failed(let device, _, _):
            device
        case .host(let error): error.device
        }
    }
}

extension VFIOError: CustomStringConvertible {
    /// "<device>: <what failed>", then indented lines: why, and what to run.
    public var description: String { "\(device): " + ([what] + help).joined(separator: "\n  ") }

    private var what: String {
        switch self {
        case .host(let error): error.what
        case .hiddenNode(_, let operation, _, _):
            "\(operation.description) failed: \(Errno.noSuchFileOrDirectory.nameAndText)"
        case .incompatibleAPI(_, let found): "VFIO_GET_API_VERSION reports \(found), and Martlet needs 0"
        case .iommuUnsupported(_, let type): "VFIO_CHECK_EXTENSION reports no \(type.symbol)"
        case .groupNotViable(_, let group): "VFIO_GROUP_GET_STATUS reports that group \(group.id) is not viable"
        case .alreadyOpen: "listed twice"
        case .notPlatformOrAMBA(_, let flags):
            "VFIO_DEVICE_GET_INFO reports neither a platform nor an AMBA device (flags \(hex(flags)))"
        case .implausible(_, let problem): problem
        case .alreadyWired(_, let interrupt, let action):
            "interrupt \(interrupt) already has an eventfd to \(action) it"
        case .notMappable(_, let region): "region \(region.index) can't be mapped"
        case .invalidAccess(_, let region, let offset, let size):
            "can't access \(size) bytes at \(hex(offset)) of region \(region.index) of \(hex(region.size)) bytes"
        case .shortTransfer(_, let operation, let count): "\(operation.description) moved \(count) bytes"
        case .noTranslation: "can't map memory for DMA: the device has no IOMMU"
        case .noIOMMU: "dma is \"iommu\", but the device has no IOMMU"
        case .identityBehindIOMMU(_, let group):
            "dma is \"identity\", but an IOMMU translates the device's DMA (group \(group))"
        case .groupSharesDMA(_, let group, let other):
            "its group \(group) has another device, \(other), with another dma setting"
        case .noDeviceFile: "the device has no file in /dev/vfio/devices"
        case .wrongDescriptor(_, let key, let number, let found, let wanted):
            "\(key) \(number) is open for \(found), not for \(wanted)"
        case .failed(_, let operation, let errno): "\(operation.description) failed: \(errno.nameAndText)"
        }
    }

    private var help: [String] {
        switch self {
        case .host(let error): error.help
        case .hiddenNode(_, _, let path, let others):
            [
                "the kernel has \(path), but this /dev lacks it (a container?)",
                "start the container with "
                    + ([path] + others).map { "--device \($0)" }.joined(separator: " "),
            ]
        case .incompatibleAPI: ["update the host kernel or martlet"]
        case .iommuUnsupported(_, let type): VFIOOperation.missing(type)
        case .groupNotViable(_, let group): HostAdvice.viability(group)
        case .alreadyOpen: ["list the device once"]
        case .notPlatformOrAMBA: ["only devices of the platform and the AMBA bus can be passed through"]
        case .implausible: ["the host's driver or device tree describes the device wrongly"]
        case .notMappable(_, let region):
            region.access.isSuperset(of: [.read, .write])
                ? ["its address or size is not on a page boundary"]
                : ["it is not both readable and writable"]
        case .noTranslation: ["the device's DMA uses physical addresses of the host"]
        case .identityBehindIOMMU:
            ["set dma to \"iommu\", or remove it: the device then reaches the guest's RAM only"]
        case .noIOMMU:
            [
                "set dma to \"none\" if the device does no DMA, or to \"identity\" if it may access all host memory"
            ]
        case .groupSharesDMA: ["set the same dma for all devices of the group: the IOMMU can't tell them apart"]
        case .noDeviceFile(_, let isNoIOMMU):
            isNoIOMMU
                ? ["remove vfio and vfio_fd: a device without an IOMMU can only be opened through its group"]
                : [
                    "the kernel lacks CONFIG_VFIO_DEVICE_CDEV",
                    "remove vfio and vfio_fd, or set vfio to \"group\": Martlet then uses the device's group",
                ]
        case .wrongDescriptor(_, let key, _, _, _):
            ["start Martlet with the right descriptor, or correct \(key)"]
        case .failed(_, let operation, let errno): operation.help(errno)
        case .alreadyWired, .invalidAccess, .shortTransfer: []
        }
    }
}

extension VFIOError {
    /// The group of a device that is ready to be opened.
    /// - Throws: `VFIOError.host` with `HostDeviceError.notReady`, which says how to make it ready.
    static func group(of host: HostDevice) throws(VFIOError) -> HostDevice.IOMMUGroup {
        do { return try host.readyGroup() } catch { throw .host(error) }
    }
}
