// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem

/// A device of the host as sysfs describes it, before it is opened: a value, as of the time of reading.
public struct HostDevice: Equatable, Sendable {
    /// The buses whose devices can be passed through.
    public enum Bus: String, CaseIterable, Sendable {
        case platform
        case amba

        /// The host's driver that gives a device of this bus to user space.
        public var vfioDriver: String { "vfio-\(rawValue)" }
    }

    /// Another device of the same IOMMU group: the hardware can't isolate the two from each other.
    public struct GroupMember: Equatable, Sendable {
        /// Its name on its bus.
        public let name: String
        /// The driver that it is bound to.
        public let driver: String?
        /// Whether a driver of the host has it, rather than one of VFIO.
        public var isHeldByHost: Bool { driver.map { !$0.hasPrefix("vfio-") } ?? false }
    }

    /// The IOMMU group that a device is in.
    public struct IOMMUGroup: Equatable, Sendable {
        /// Its number.
        public let id: Int
        /// Whether VFIO created it for a device without an IOMMU (vfio.enable_unsafe_noiommu_mode).
        public let isNoIOMMU: Bool
        /// The other devices in it, sorted by name.
        public let others: [GroupMember]
        /// Addresses at which its devices can't reach memory.
        public var reserved: [ReservedRegion] = []
        /// The path of its file.
        public var node: String { isNoIOMMU ? "/dev/vfio/noiommu-\(id)" : "/dev/vfio/\(id)" }
    }

    /// Whether the device can be opened, and if not, why.
    public enum State: Equatable, Sendable {
        /// Bound to its VFIO driver and in a group.
        case ready
        /// A driver of the host has it.
        case ownedByHostDriver(String)
        /// No driver has it.
        case withoutDriver
        /// VFIO would refuse it, because it has no IOMMU and no-IOMMU mode is off.
        case withoutGroup
        /// No driver has it, and the running kernel doesn't have `Bus.vfioDriver`.
        case vfioDriverMissing
    }

    /// Further facts about a device that isn't ready, for the text that says what to do.
    public struct Diagnosis: Equatable, Sendable {
        /// Whether the running kernel has the bus's VFIO driver, built in or loaded.
        public let isVFIODriverLoaded: Bool
        /// vfio.enable_unsafe_noiommu_mode; nil when VFIO isn't loaded or is built without it.
        public let isNoIOMMUModeOn: Bool?
        /// The only driver that may bind to the device, when there is such a rule.
        public let driverOverride: String?
        /// vfio_platform.reset_required: the driver refuses devices that the kernel can't reset.
        public let isResetRequired: Bool
        /// Whether its device-tree node names an IOMMU. Kernels before 6.15 create its group only when a driver probes
        /// it.
        public let isBehindIOMMU: Bool
    }

    /// Its name on its bus: "9010000.pl031".
    public let name: String
    /// The bus of the device.
    public let bus: Bus
    /// Its folder, free of symbolic links: "/sys/devices/platform/9010000.pl031".
    public let path: String
    /// The driver that it is bound to.
    public let driver: String?
    /// Its IOMMU group.
    public let group: IOMMUGroup?
    /// The folder of its device-tree node; nil when the host was not booted with a device tree.
    public let deviceTreeNode: String?
    /// Its own device file, which may be missing: "/dev/vfio/devices/vfio0".
    ///
    /// Only a device that is ready and behind an IOMMU has one, and only since Linux 6.6.
    public let deviceFile: String?
    /// Whether it can be opened, and if not, why.
    public let state: State
    /// Present when it can't be opened.
    public let diagnosis: Diagnosis?

    /// Finds a device by its name under /sys/bus/platform/devices or /sys/bus/amba/devices.
    /// - Throws: `HostDeviceError.noSuchDevice`, `.notADevice`, `.sysfs`, `.noSysfs`.
    public init(host name: String, sysfs: Sysfs) throws(HostDeviceError) {
        let tree = SysfsDevices(sysfs: sysfs, device: name)
        // A NUL would end the path early and find another device.
        guard !name.isEmpty, name != ".", name != "..", !name.contains("/"), !name.utf8.contains(0) else {
            throw .noSuchDevice(device: name, similar: [])
        }
        for bus in Bus.allCases {
            if let path = try tree.target("bus/\(bus.rawValue)/devices/\(name)") {
                self = try HostDevice(name: name, bus: bus, path: path, tree: tree)
                return
            }
        }
        try tree.checkMounted()
        let similar = tree.similarNames()
        if similar.isEmpty, let part = HostPart(named: name, sysfs: sysfs) { throw .notADevice(device: name, part) }
        throw .noSuchDevice(device: name, similar: similar)
    }

    /// Finds the device at `path`, which may contain symbolic links: "/sys/bus/amba/devices/9010000.pl031".
    /// - Throws: `HostDeviceError.notInSysfs`, `.noSuchDevice`, `.unsupportedBus`, `.sysfs`, `.noSysfs`.
    public init(sysfsdev path: String, sysfs: Sysfs) throws(HostDeviceError) {
        let prefix = "\(sysfs.root)/"
        guard path.hasPrefix(prefix), !path.utf8.contains(0) else { throw .notInSysfs(path: path, root: sysfs.root) }
        let tree = SysfsDevices(sysfs: sysfs, device: path)
        let physical = try tree.physical(String(path.dropFirst(prefix.count)))
        guard let name = physical.split(separator: "/").last, try tree.exists(physical) else {
            try tree.checkMounted()
            throw .noSuchDevice(device: path, similar: [])
        }
        let subsystem = try tree.linkName("\(physical)/subsystem")
        guard let bus = subsystem.flatMap(Bus.init(rawValue:)) else {
            throw .unsupportedBus(device: path, bus: subsystem)
        }
        self = try HostDevice(name: String(name), bus: bus, path: physical, tree: tree)
    }

    /// The device with this name on a bus; nil if there is none.
    init?(name: String, on bus: Bus, sysfs: Sysfs) throws(HostDeviceError) {
        let tree = SysfsDevices(sysfs: sysfs, device: name)
        guard let path = try tree.target("bus/\(bus.rawValue)/devices/\(name)") else { return nil }
        self = try HostDevice(name: name, bus: bus, path: path, tree: tree)
    }

    /// Every device of the two buses, sorted by bus and name, and the errors of those that can't be read.
    /// - Throws: `HostDeviceError.sysfs` when a bus itself can't be read, `.noSysfs`.
    public static func all(sysfs: Sysfs) throws(HostDeviceError) -> (devices: [HostDevice], errors: [HostDeviceError]) {
        var devices: [HostDevice] = []
        var errors: [HostDeviceError] = []
        try SysfsDevices(sysfs: sysfs, device: "the host").checkMounted()
        for bus in Bus.allCases {
            let folder = "bus/\(bus.rawValue)/devices"
            let names: [String]
            do { names = try sysfs.names(folder) } catch {
                throw .sysfs(device: "the \(bus.rawValue) bus", path: "\(sysfs.root)/\(folder)", errno: error)
            }
            for name in names {
                // A device that was removed in the meantime is no error.
                do throws(HostDeviceError) {
                    if let device = try HostDevice(name: name, on: bus, sysfs: sysfs) { devices.append(device) }
                } catch { errors.append(error) }
            }
        }
        return (devices, errors)
    }

    /// - Parameter path: relative to sysfs, free of links.
    private init(name: String, bus: Bus, path: String, tree: SysfsDevices) throws(HostDeviceError) {
        self.name = name
        self.bus = bus
        self.path = tree.absolute(path)
        driver = try tree.linkName("\(path)/driver")
        group = try tree.group(of: path, name: name)
        deviceTreeNode = try tree.target("\(path)/of_node").map(tree.absolute)
        if driver == bus.vfioDriver, let group {
            state = .ready
            diagnosis = nil
            deviceFile = group.isNoIOMMU ? nil : try tree.deviceFile(of: path)
            return
        }
        deviceFile = nil
        let diagnosis = try tree.diagnosis(of: path, on: bus, node: deviceTreeNode)
        self.diagnosis = diagnosis
        if let driver {
            // VFIO's own driver accepts no device without a group, so the second state shows only while it is being
            // unbound.
            state = driver == bus.vfioDriver ? .withoutGroup : .ownedByHostDriver(driver)
        } else if !diagnosis.isVFIODriverLoaded {
            state = .vfioDriverMissing
        } else if group == nil, !diagnosis.isBehindIOMMU, diagnosis.isNoIOMMUModeOn != true {
            state = .withoutGroup
        } else {
            state = .withoutDriver
        }
    }

    /// Whether VFIO accepts it only in its no-IOMMU mode, which is off or missing.
    var needsNoIOMMUMode: Bool {
        guard let diagnosis else { return false }
        return group == nil && !diagnosis.isBehindIOMMU && diagnosis.isNoIOMMUModeOn != true
    }

    /// The group of a device that can be opened.
    /// - Throws: `HostDeviceError.notReady`, which says how to make it ready.
    public func readyGroup() throws(HostDeviceError) -> IOMMUGroup {
        guard state == .ready, let group else { throw .notReady(self) }
        return group
    }
}
