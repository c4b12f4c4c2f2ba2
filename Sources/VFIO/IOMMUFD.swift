// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem
internal import Synchronization

/// /dev/iommu, open: what address spaces are made in.
///
/// - SeeAlso: Documentation/userspace-api/iommufd.rst
final class IOMMUFD: Sendable {
    let calls: any VFIOCalls
    private let descriptor: OwnedDescriptor

    /// Opens it.
    /// - Parameters:
    ///   - device: which errors are about.
    ///   - file: the device's own file, which is opened next.
    ///   - handedIn: a descriptor of it that this process was started with; a copy of it is used.
    /// - Throws: `VFIOError.failed`, `.hiddenNode`, `.wrongDescriptor`.
    init(for device: String, file: String? = nil, handedIn: CInt?, calls: any VFIOCalls) throws(VFIOError) {
        self.calls = calls
        if let handedIn {
            let copy = OwnedDescriptor(
                adopting: try calls.copy(of: handedIn, key: "iommufd_fd", named: "iommu", for: device), of: calls)
            descriptor = copy
        } else {
            descriptor = OwnedDescriptor(
                adopting: try calls.openNode(
                    "/dev/iommu", .openIOMMUFD, for: device, sysfs: "/sys/class/misc/iommu",
                    others: file.map { [$0] } ?? []), of: calls)
        }
    }

    var rawValue: CInt { descriptor.rawValue }
}

/// An address space of the IOMMU, made in /dev/iommu: what is mapped in it is what the devices in it can reach.
///
/// Its devices keep it alive.
public final class IOAddressSpace: Sendable {
    /// Its number in the iommufd.
    let id: UInt32
    let iommufd: IOMMUFD
    /// The groups of the devices in it, by the device's name. Owned by this object, guarded by the lock.
    private let devices = Mutex<[String: Int]>([:])

    /// - Parameter device: which errors are about.
    /// - Throws: `VFIOError.failed`.
    init(in iommufd: IOMMUFD, for device: String) throws(VFIOError) {
        self.iommufd = iommufd
        id = try attempt(.allocateAddressSpace, device) { () throws(Errno) in
            try iommufd.calls.iommuAllocate(iommufd.rawValue)
        }
    }

    deinit {
        // The kernel refuses while something is attached, and what is attached keeps this object.
        try? iommufd.calls.iommuDestroy(iommufd.rawValue, addressSpace: id)
    }

    /// Reserves a device for one opener; false when it has one.
    func claim(_ device: String, group: Int) -> Bool {
        devices.withLock { $0.updateValue(group, forKey: device) == nil }
    }

    func unclaim(_ device: String) { devices.withLock { _ = $0.removeValue(forKey: device) } }

    /// A device of the group that is in here.
    func device(ofGroup id: Int) -> String? { devices.withLock { $0.first { $0.value == id }?.key } }

    /// A device that is in here, and its group.
    var someDevice: (name: String, group: Int)? { devices.withLock { $0.min { $0.key < $1.key } }.map { ($0, $1) } }
}

extension VFIOCalls {
    /// A copy of a descriptor that this process was started with, and that belongs to the device file called `name`.
    /// - Parameter key: what the configuration calls it.
    /// - Throws: `VFIOError.failed` for a number that isn't open, `.wrongDescriptor` for one of another file.
    func copy(of handedIn: CInt, key: String, named name: String, for device: String) throws(VFIOError) -> CInt {
        let copy = try attempt(.duplicate(key: key, handedIn), device) { () throws(Errno) in try duplicate(handedIn) }
        // Without /proc the kernel's own checks are all that there is.
        guard let path = try? readLink("/proc/self/fd/\(copy)") else { return copy }
        guard path.split(separator: "/").last.map(String.init) == name else {
            close(copy)
            throw .wrongDescriptor(device: device, key: key, number: handedIn, found: path, wanted: name)
        }
        return copy
    }
}
