// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import DeviceOptions
public import HostDevices
internal import LinuxSystem
internal import Synchronization

/// Opens the devices of one machine.
///
/// It has one address space for devices that reach the guest's memory, one for devices that reach nothing, and a
/// container for devices without an IOMMU, which the kernel doesn't allow beside others. The first two are containers,
/// or address spaces of an iommufd.
///
/// Nothing is open before the first device is opened, and nothing stays open after the last one is closed: this type
/// only refers to objects that its devices keep alive. A descriptor that was handed in is the exception.
public final class VFIOContainers: Sendable {
    /// What all devices of a container or of an address space may reach.
    private enum Purpose: Hashable, CaseIterable {
        case guest, nothing, untranslated

        init(_ group: HostDevice.IOMMUGroup, _ dma: VFIODMAMode) {
            self =
                switch dma {
                case _ where group.isNoIOMMU: .untranslated
                case .none: .nothing
                case .automatic, .iommu, .identity: .guest
                }
        }
    }
    private struct WeakContainer { weak var container: VFIOContainer? }
    private struct WeakSpace { weak var space: IOAddressSpace? }
    private struct State {
        var containers: [Purpose: WeakContainer] = [:]
        var spaces: [Purpose: WeakSpace] = [:]
        weak var iommufd: IOMMUFD?
        /// The descriptor that was handed in, after its first use. It stays open: another device could not open it
        /// again.
        var adopted: IOMMUFD?
    }

    private let calls: any VFIOCalls
    private let path: VFIOPath
    private let handedIn: CInt?
    private let isBorrowed: Bool
    /// Owned by this object, guarded by the lock.
    private let known = Mutex(State())

    /// Opens nothing yet.
    /// - Parameters:
    ///   - path: the only path that is allowed, or: the better one that works.
    ///   - iommufd: a descriptor of /dev/iommu that this process was started with. From the first device that uses it,
    ///     this object and its devices own it, and the last of them closes it.
    ///   - borrowsIOMMUFD: whether it stays open instead.
    public init(
        calls: any VFIOCalls, path: VFIOPath = .automatic, iommufd: CInt? = nil, borrowsIOMMUFD: Bool = false
    ) {
        self.calls = calls
        self.path = path
        handedIn = iommufd
        isBorrowed = borrowsIOMMUFD
    }

    /// Releases the descriptor that was handed in: from now on only its devices keep it open.
    ///
    /// Devices that are opened later may find none. A second call does nothing.
    public func close() {
        let adopted = known.withLock { state in
            let adopted = state.adopted
            state.adopted = nil
            return adopted
        }
        _ = consume adopted
    }

    /// Opens a device.
    ///
    /// Call it from one thread at a time.
    /// - Parameters:
    ///   - dma: what the device may reach.
    ///   - descriptor: a descriptor of the device's own file that this process was started with. The device owns it
    ///     from then on, and closes it.
    /// - Throws: `VFIOError.notReady`, `.noIOMMU`, `.identityBehindIOMMU`, `.groupSharesDMA`, `.noDeviceFile`, and what
    ///   `VFIOContainer`, `VFIOGroup` and `VFIODevice` throw.
    public func open(
        _ host: HostDevice, dma: VFIODMAMode = .automatic, descriptor: CInt? = nil
    ) throws(VFIOError) -> VFIODevice {
        let group = try VFIOError.group(of: host)
        switch dma {
        case .iommu where group.isNoIOMMU: throw .noIOMMU(device: host.name)
        case .identity where !group.isNoIOMMU: throw .identityBehindIOMMU(device: host.name, group: group.id)
        case .automatic, .iommu, .none, .identity: break
        }
        if descriptor == nil, group.isNoIOMMU || path == .group || (path == .automatic && host.deviceFile == nil) {
            return try VFIODevice(host, in: self.group(of: host, dma: dma))
        }
        do throws(VFIOError) { return try openByFile(host, group: group, dma: dma, descriptor: descriptor) } catch {
            guard descriptor == nil, path == .automatic, error.meansThatFileIsNotThere else { throw error }
        }
        return try VFIODevice(host, in: self.group(of: host, dma: dma))
    }

    private func openByFile(
        _ host: HostDevice, group: HostDevice.IOMMUGroup, dma: VFIODMAMode, descriptor: CInt?
    ) throws(VFIOError) -> VFIODevice {
        guard let file = host.deviceFile, !group.isNoIOMMU else {
            throw .noDeviceFile(device: host.name, isNoIOMMU: group.isNoIOMMU)
        }
        let purpose = Purpose(group, dma)
        try checkGroup(group, of: host, purpose)
        return try VFIODevice(
            host, file: file, handedIn: descriptor, in: try space(purpose, for: host), dma: dma)
    }

    private func space(_ purpose: Purpose, for host: HostDevice) throws(VFIOError) -> IOAddressSpace {
        if let space = known.withLock({ $0.spaces[purpose]?.space }) { return space }
        let iommufd: IOMMUFD
        if let open = known.withLock({ $0.iommufd }) {
            iommufd = open
        } else {
            iommufd = try IOMMUFD(
                for: host.name, file: host.deviceFile, handedIn: handedIn, isBorrowed: isBorrowed, calls: calls)
            known.withLock { state in
                state.iommufd = iommufd
                if handedIn != nil { state.adopted = iommufd }
            }
        }
        let space = try IOAddressSpace(in: iommufd, for: host.name)
        known.withLock { $0.spaces[purpose] = WeakSpace(space: space) }
        return space
    }

    /// The group of `host`: opened, viable, and in a container whose IOMMU is set.
    ///
    /// Devices of one group share it.
    ///
    /// Call it from one thread at a time.
    /// - Throws: `VFIOError.notReady`, `.groupSharesDMA`, and what `VFIOContainer` and `VFIOGroup` throw.
    public func group(of host: HostDevice, dma: VFIODMAMode = .automatic) throws(VFIOError) -> VFIOGroup {
        let group = try VFIOError.group(of: host)
        let purpose = Purpose(group, dma)
        try checkGroup(group, of: host, purpose)
        if let container = container(purpose) { return try container.group(of: host) }
        let container = try VFIOContainer(
            purpose == .untranslated ? .noIOMMU : .type1v2, isClosed: purpose == .nothing, for: host.name,
            node: group.node, calls: calls)
        known.withLock { $0.containers[purpose] = WeakContainer(container: container) }
        return try container.group(of: host)
    }

    /// Checks that all devices of a group may reach the same: the IOMMU can't tell them apart.
    private func checkGroup(
        _ group: HostDevice.IOMMUGroup, of host: HostDevice, _ purpose: Purpose
    ) throws(VFIOError) {
        for other in Purpose.allCases where other != purpose {
            let space = known.withLock { $0.spaces[other]?.space }
            let inContainer = container(other)?.liveGroups.first { $0.id == group.id }?.deviceName
            if let device = space?.device(ofGroup: group.id) ?? inContainer {
                throw .groupSharesDMA(device: host.name, group: group.id, other: device)
            }
        }
    }

    private func container(_ purpose: Purpose) -> VFIOContainer? {
        known.withLock { $0.containers[purpose]?.container }
    }

    /// The container of a type, for as long as it has a group.
    ///
    /// If there are two, the one whose devices reach the guest's memory.
    public func container(_ type: VFIOIOMMUType) -> VFIOContainer? {
        container(type == .noIOMMU ? .untranslated : .guest)
    }

    /// The address spaces whose devices may reach the guest's memory.
    public var guestSpaces: [VFIOAddressSpace] {
        var spaces: [VFIOAddressSpace] = []
        if let container = container(.guest) { spaces.append(.container(container)) }
        if let space = known.withLock({ $0.spaces[.guest]?.space }) { spaces.append(.iommufd(space)) }
        return spaces
    }
}

extension VFIOError {
    /// Whether the device's own file, or /dev/iommu, can't be used here, so that the group is used instead.
    fileprivate var meansThatFileIsNotThere: Bool {
        let reasons: [Errno] = [
            .noSuchFileOrDirectory, .operationNotSupportedByDevice, .noSuchAddressOrDevice, .permissionDenied,
            .notPermitted,
        ]
        switch self {
        case .failed(_, .openIOMMUFD, let errno), .failed(_, .openDeviceFile, let errno):
            return reasons.contains(errno)
        case .hiddenNode(_, .openIOMMUFD, _, _), .hiddenNode(_, .openDeviceFile, _, _): return true
        default: return false
        }
    }
}
