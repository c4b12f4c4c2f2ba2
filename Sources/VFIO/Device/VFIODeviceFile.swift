// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import HostDevices
internal import LinuxSystem
internal import Synchronization

/// A device's descriptor and what keeps it usable: the part of `VFIODevice` that exists before its regions and
/// interrupts are read.
final class VFIODeviceFile: Sendable {
    /// How the descriptor was opened: through the device's group, or by its own file, bound to an iommufd and attached.
    enum Anchor: Sendable {
        case group(VFIOGroup)
        case space(IOAddressSpace)
    }

    let name: String
    let calls: any VFIOCalls
    let anchor: Anchor
    private let descriptor: OwnedDescriptor
    private let isAttached = Atomic<Bool>(false)

    /// One of the two actions of an interrupt that an eventfd can be wired to.
    struct WiringPoint: Hashable {
        let action: VFIOInterruptAction
        let index: Int
    }
    /// The points that are wired. Owned by this object, guarded by the lock.
    private let wired = Mutex<Set<WiringPoint>>([])

    init(_ host: HostDevice, in group: VFIOGroup) throws(VFIOError) {
        let name = host.name
        let calls = group.container.calls
        guard group.claim(name) else { throw .alreadyOpen(device: name) }
        do throws(VFIOError) {
            descriptor = OwnedDescriptor(
                adopting: try VFIO.attempt(
                    .getDevice(isNoIOMMU: group.container.type == .noIOMMU), name,
                    try calls.vfioDevice(group.rawValue, named: name)), of: calls)
        } catch {
            group.unclaim(name)
            throw error
        }
        self.name = name
        self.calls = calls
        anchor = .group(group)
    }

    /// Opens the device's own file, or takes over `handedIn`, and attaches the device to `space`.
    init(
        _ host: HostDevice, file: String, handedIn: CInt?, in space: IOAddressSpace
    ) throws(VFIOError) {
        let name = host.name
        let iommufd = space.iommufd
        let calls = iommufd.calls
        let group = try VFIOError.group(of: host)
        guard space.claim(name, group: group.id) else { throw .alreadyOpen(device: name) }
        do throws(VFIOError) {
            if let handedIn {
                let node = file.split(separator: "/").last.map(String.init) ?? file
                try calls.adopt(handedIn, key: "vfio_fd", named: node, for: name)
                descriptor = OwnedDescriptor(adopting: handedIn, of: calls)
            } else {
                descriptor = OwnedDescriptor(
                    adopting: try calls.openNode(
                        file, .openDeviceFile(file), for: name,
                        sysfs: "\(host.path)/vfio-dev/\(file.split(separator: "/").last ?? "")/dev"), of: calls)
            }
        } catch {
            space.unclaim(name)
            throw error
        }
        self.name = name
        self.calls = calls
        anchor = .space(space)
        // From here on a throw runs deinit, which undoes the previous steps. Closing the descriptor unbinds it from the
        // iommufd.
        let raw = descriptor.rawValue
        try VFIO.attempt(.bind(group, file: file), name, try calls.vfioBind(raw, iommufd: iommufd.rawValue))
        try VFIO.attempt(.attach(group), name, try calls.vfioAttach(raw, addressSpace: space.id))
        isAttached.store(true, ordering: .relaxed)
    }

    /// Detached and closed before its share of the group or the address space is released.
    deinit {
        // Closing detaches it too, but not while another process has a copy of the descriptor.
        if isAttached.load(ordering: .relaxed) { try? calls.vfioDetach(descriptor.rawValue) }
        descriptor.close()
        switch anchor {
        case .group(let group): group.unclaim(name)
        case .space(let space): space.unclaim(name)
        }
    }

    /// The number, for KVM_DEV_VFIO_FILE_ADD.
    var rawValue: CInt { descriptor.rawValue }

    /// Reserves a point for one wiring; false when it is already wired.
    func claim(_ point: WiringPoint) -> Bool { wired.withLock { $0.insert(point).inserted } }

    func unclaim(_ point: WiringPoint) { wired.withLock { _ = $0.remove(point) } }

    /// Calls `body` with the descriptor's number.
    func attempt<Result>(
        _ operation: VFIOOperation, _ body: (CInt) throws(Errno) -> Result
    ) throws(VFIOError) -> Result {
        do { return try body(descriptor.rawValue) } catch {
            throw .failed(device: name, operation, error)
        }
    }
}

/// Evaluates `body`; an errno that it throws becomes an error about `device`.
@discardableResult
func attempt<Result>(
    _ operation: VFIOOperation, _ device: String, _ body: @autoclosure () throws(Errno) -> Result
) throws(VFIOError) -> Result {
    do { return try body() } catch { throw .failed(device: device, operation, error) }
}
