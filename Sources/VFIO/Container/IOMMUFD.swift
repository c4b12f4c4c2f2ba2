// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem
internal import Synchronization

/// /dev/iommu, open: it holds the address spaces.
///
/// - SeeAlso: Documentation/userspace-api/iommufd.rst
final class IOMMUFD: Sendable {
    let calls: any VFIOCalls
    /// The number, for the calls that take one.
    let rawValue: CInt
    /// Nil when someone else closes the descriptor.
    private let descriptor: OwnedDescriptor?

    /// Opens it.
    /// - Parameters:
    ///   - device: the device that errors name.
    ///   - file: the device's own file, which is opened next.
    ///   - handedIn: a descriptor of /dev/iommu that this process was started with. This object owns it from then on.
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

/// An address space of the IOMMU, created in /dev/iommu: its devices reach what is mapped in it.
///
/// Its devices keep it alive.
public final class IOAddressSpace: Sendable {
    /// Its number in the iommufd.
    let id: UInt32
    let iommufd: IOMMUFD
    /// The groups of the devices in it, by the device's name. Owned by this object, guarded by the lock.
    private let devices = Mutex<[String: Int]>([:])

    /// - Parameter device: the device that errors name.
    /// - Throws: `VFIOError.failed`.
    init(in iommufd: IOMMUFD, for device: String) throws(VFIOError) {
        self.iommufd = iommufd
        id = try attempt(.allocateAddressSpace, device, try iommufd.calls.iommuAllocate(iommufd.rawValue))
    }

    deinit {
        // The kernel refuses only while a device is attached, and an attached device keeps this object alive.
        try? iommufd.calls.iommuDestroy(iommufd.rawValue, addressSpace: id)
    }

    /// Reserves a device for one opener; false when it is already reserved.
    func claim(_ device: String, group: Int) -> Bool {
        devices.withLock { $0.updateValue(group, forKey: device) == nil }
    }

    func unclaim(_ device: String) { devices.withLock { _ = $0.removeValue(forKey: device) } }

    /// A device of that group in this address space.
    func device(ofGroup id: Int) -> String? { devices.withLock { $0.first { $0.value == id }?.key } }

    /// Any device in this address space, and its group.
    var someDevice: (name: String, group: Int)? { devices.withLock { $0.min { $0.key < $1.key } }.map { ($0, $1) } }
}

extension VFIOCalls {
    /// Checks that a descriptor which this process was started with belongs to the device file called `name`, and sets
    /// close-on-exec on it.
    /// - Parameter key: its key in the configuration.
    /// - Throws: `VFIOError.failed` for a number that isn't open, `.wrongDescriptor` for one of another file.
    func adopt(_ handedIn: CInt, key: String, named name: String, for device: String) throws(VFIOError) {
        // A number that isn't open has no link. Without /proc only the kernel checks the descriptor.
        if let path = try? readLink("/proc/self/fd/\(handedIn)"),
            path.split(separator: "/").last.map(String.init) != name
        {
            throw .wrongDescriptor(device: device, key: key, number: handedIn, found: path, wanted: name)
        }
        try attempt(.adopt(key: key, handedIn), device, try adopt(handedIn))
    }
}
