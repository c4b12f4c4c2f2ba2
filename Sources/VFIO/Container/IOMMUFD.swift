// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem
internal import Synchronization

/// /dev/iommu, open: what address spaces are made in.
///
/// - SeeAlso: Documentation/userspace-api/iommufd.rst
final class IOMMUFD: Sendable {
    let calls: any VFIOCalls
    /// The number, for the calls that take one.
    let rawValue: CInt
    /// Nil for one that somebody else closes.
    private let descriptor: OwnedDescriptor?

    /// Opens it.
    /// - Parameters:
    ///   - device: which errors are about.
    ///   - file: the device's own file, which is opened next.
    ///   - handedIn: a descriptor of it that this process was started with. It is this object's from now on.
    ///   - isBorrowed: whether that descriptor stays open instead.
    /// - Throws: `VFIOError.failed`, `.hiddenNode`, `.wrongDescriptor`.
    init(
        for device: String, file: String? = nil, handedIn: CInt?, isBorrowed: Bool, calls: any VFIOCalls
    ) throws(VFIOError) {
        self.calls = calls
        if let handedIn {
            try calls.adopt(handedIn, key: "iommufd_fd", named: "iommu", for: device)
            rawValue = handedIn
            descriptor = isBorrowed ? nil : OwnedDescriptor(adopting: handedIn, of: calls)
        } else {
            rawValue = try calls.openNode(
                "/dev/iommu", .openIOMMUFD, for: device, sysfs: "/sys/class/misc/iommu",
                others: file.map { [$0] } ?? [])
            descriptor = OwnedDescriptor(adopting: rawValue, of: calls)
        }
    }
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
        id = try attempt(.allocateAddressSpace, device, try iommufd.calls.iommuAllocate(iommufd.rawValue))
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
    /// Makes sure that a descriptor which this process was started with belongs to the device file called `name`, and
    /// keeps it from programs that are started.
    /// - Parameter key: what the configuration calls it.
    /// - Throws: `VFIOError.failed` for a number that isn't open, `.wrongDescriptor` for one of another file.
    func adopt(_ handedIn: CInt, key: String, named name: String, for device: String) throws(VFIOError) {
        // A number that isn't open has no link. Without /proc the kernel's own checks are all that there is.
        if let path = try? readLink("/proc/self/fd/\(handedIn)"),
            path.split(separator: "/").last.map(String.init) != name
        {
            throw .wrongDescriptor(device: device, key: key, number: handedIn, found: path, wanted: name)
        }
        try attempt(.adopt(key: key, handedIn), device, try adopt(handedIn))
    }
}
