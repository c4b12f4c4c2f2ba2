// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem
internal import Synchronization

/// A device's descriptor and its place in the group: the part of `VFIODevice` that exists before its facts are read.
final class VFIODeviceFile: Sendable {
    let name: String
    let calls: any VFIOCalls
    /// Declared before the group, so that it is closed first: stored properties go in the order of declaration.
    private let descriptor: OwnedDescriptor
    let group: VFIOGroup

    /// One end of an interrupt that an eventfd can be wired to.
    struct WiringPoint: Hashable {
        let action: VFIOInterruptAction
        let index: Int
    }
    /// The ends that are wired. Owned by this object, guarded by the lock.
    private let wired = Mutex<Set<WiringPoint>>([])

    init(_ host: HostDevice, in group: VFIOGroup) throws(VFIOError) {
        let name = host.name
        let calls = group.container.calls
        guard group.claim(name) else { throw .alreadyOpen(device: name) }
        do throws(VFIOError) {
            descriptor = OwnedDescriptor(
                adopting: try VFIO.attempt(.getDevice(isNoIOMMU: group.container.type == .noIOMMU), name) {
                    () throws(Errno) in try calls.vfioDevice(group.rawValue, named: name)
                }, of: calls)
        } catch {
            group.unclaim(name)
            throw error
        }
        self.name = name
        self.calls = calls
        self.group = group
    }

    deinit { group.unclaim(name) }

    /// Reserves an end for one wiring; false when it has one.
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

/// Calls `body`, turning what it throws into an error about `device`.
@discardableResult
func attempt<Result>(
    _ operation: VFIOOperation, _ device: String, _ body: () throws(Errno) -> Result
) throws(VFIOError) -> Result {
    do { return try body() } catch { throw .failed(device: device, operation, error) }
}
