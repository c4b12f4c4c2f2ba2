// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import HostDevices
internal import LinuxSystem
internal import Synchronization

/// A VFIO group in its container: the smallest set of devices that the hardware isolates from all others.
///
/// The kernel lets one process open a group, and only once; `VFIOContainers.group(of:)` shares it between the group's
/// devices.
public final class VFIOGroup: Sendable {
    /// The IOMMU group's number.
    public let id: Int
    /// The container that it is in.
    public let container: VFIOContainer
    private let descriptor: OwnedDescriptor
    /// The number of its descriptor, for KVM_DEV_VFIO_GROUP_ADD.
    ///
    /// It is valid for as long as the group lives.
    public var rawValue: CInt { descriptor.rawValue }
    /// The device for which the group was opened; errors about the whole group name it.
    let deviceName: String

    private struct State {
        var isAttached = false
        var openDevices: Set<String> = []
    }
    /// Owned by this object, guarded by the lock.
    private let state = Mutex(State())

    /// - Throws: `VFIOError.failed`, `.hiddenNode`, `.groupNotViable`.
    init(
        _ facts: HostDevice.IOMMUGroup, of host: HostDevice, in container: VFIOContainer, setsIOMMU: Bool
    ) throws(VFIOError) {
        let calls = container.calls
        id = facts.id
        self.container = container
        deviceName = host.name
        descriptor = OwnedDescriptor(
            adopting: try calls.openNode(
                facts.node, .openGroup(facts), for: host.name,
                sysfs: "/sys/class/vfio/\(facts.isNoIOMMU ? "noiommu-" : "")\(facts.id)"), of: calls)
        // From here on a throw runs deinit, which undoes the previous steps.
        let raw = descriptor.rawValue
        let status = try attempt(.getGroupStatus, host.name, try calls.vfioGroupStatus(raw))
        guard status.contains(.viable) else { throw .groupNotViable(device: host.name, group: facts) }
        try attempt(.setContainer(facts), host.name, try calls.vfioSetContainer(raw, container.rawValue))
        state.withLock { $0.isAttached = true }
        guard setsIOMMU else { return }
        try attempt(.setIOMMU(container.type), host.name, try calls.vfioSetIOMMU(container.rawValue, container.type))
    }

    /// Detached and closed before its share of the container is released.
    deinit {
        // Closing detaches the group too, but only after KVM's VFIO device has released the group's file. If the kernel
        // refuses to detach it here, closing has to do.
        if state.withLock({ $0.isAttached }) {
            try? container.calls.vfioUnsetContainer(descriptor.rawValue)
        }
        descriptor.close()
    }

    /// Reserves a device of this group for one opener; false when it is already reserved.
    func claim(_ device: String) -> Bool { state.withLock { $0.openDevices.insert(device).inserted } }

    func unclaim(_ device: String) { state.withLock { _ = $0.openDevices.remove(device) } }
}
