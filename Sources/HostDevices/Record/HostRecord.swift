// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem

/// The resources of a device while a driver of the host has it: clocks, supplies, power domains, an address.
///
/// `bind` records them before it unbinds the driver, because nothing names them afterwards.
public struct HostRecord: Equatable, Sendable {
    /// How the driver refers to the clock.
    public enum Connection: Equatable, Sendable {
        /// By its entry in `clock-names`.
        case named(String)
        /// The first clock: a driver that gives no name gets it.
        case first
        /// By number, which the kernel doesn't report.
        case unknown

        /// Its entry in `clock-names`; nil for a clock without one.
        public var name: String? { if case .named(let name) = self { name } else { nil } }
    }

    /// Whether a resource was on.
    public enum Power: String, Sendable {
        case on
        case off
        case unknown

        init(_ isOn: Bool?) { self = isOn.map { $0 ? .on : .off } ?? .unknown }
    }

    /// A clock of the device.
    public struct Clock: Equatable, Sendable {
        /// The kernel's name of it.
        public var name: String
        /// How the driver refers to it.
        public var connection: Connection
        /// In Hz.
        public var rate: UInt64
        /// Whether it was on.
        public var power: Power

        /// Combines the parts.
        public init(name: String, connection: Connection, rate: UInt64, power: Power) {
            self.name = name
            self.connection = connection
            self.rate = rate
            self.power = power
        }
    }

    /// A supply of the device (`NAME-supply`).
    public struct Supply: Equatable, Sendable {
        /// The property that refers to it: "vmmc-supply".
        public var property: String
        /// The kernel's name of it.
        public var name: String
        /// Its folder in /sys/class/regulator.
        public var folder: String
        /// The voltage in µV; nil when the kernel doesn't report it.
        public var microvolts: UInt32?
        /// Whether it was on.
        public var power: Power

        /// Combines the parts.
        public init(property: String, name: String, folder: String, microvolts: UInt32?, power: Power) {
            self.property = property
            self.name = name
            self.folder = folder
            self.microvolts = microvolts
            self.power = power
        }
    }

    /// A power domain of the device.
    public struct Domain: Equatable, Sendable {
        /// Its name on the host.
        public var name: String
        /// Whether it was on.
        public var power: Power

        /// Combines both.
        public init(name: String, power: Power) {
            self.name = name
            self.power = power
        }
    }

    /// Something that couldn't be read, and so isn't recorded.
    public struct Gap: Equatable, Sendable {
        /// What could not be read.
        public var what: String
        /// Why not.
        public var errno: Errno

        /// Combines both.
        public init(what: String, errno: Errno) {
            self.what = what
            self.errno = errno
        }

        /// The reason, with what to do.
        public var text: String {
            switch errno {
            case .notSupported: "this kernel does not name the users of its clocks: use Linux 6.6 or later"
            case .illegalByteSequence:
                "\(errno.nameAndText): the file is damaged: release the device, and bind it again"
            case .permissionDenied, .notPermitted:
                "\(errno.nameAndText): run this as root, outside of containers, on a kernel that is not locked down"
            default: "\(errno.nameAndText): mount debugfs at /sys/kernel/debug"
            }
        }
    }

    /// Its clocks, in the order of clk_summary.
    public var clocks: [Clock] = []
    /// Its supplies.
    public var supplies: [Supply] = []
    /// Its power domains.
    public var domains: [Domain] = []
    /// Whether the driver had suspended the device (runtime power management): its resources may have been off then.
    public var wasSuspended = false
    /// The Ethernet address of the device's only interface: six bytes.
    public var ethernetAddress: [UInt8]?
    /// What could not be read.
    public var gaps: [Gap] = []

    /// An empty record.
    public init() {}

    /// Whether the record has no entries.
    public var isEmpty: Bool {
        clocks.isEmpty && supplies.isEmpty && domains.isEmpty && ethernetAddress == nil && gaps.isEmpty
    }

    /// The clock of an entry of `clocks`; nil when it can't be determined.
    /// - Parameters:
    ///   - name: the entry's name in `clock-names`.
    ///   - count: how many entries `clocks` has.
    public func clock(named name: String?, at index: Int, of count: Int) -> Clock? {
        if let name, let found = clocks.first(where: { $0.connection == .named(name) }) { return found }
        if index == 0, let found = clocks.first(where: { $0.connection == .first }) { return found }
        // A driver that gets all clocks by number has each of them once. If their rates differ, they can't be told
        // apart.
        let unknown = clocks.filter { $0.connection == .unknown }
        guard unknown.count == count, let first = unknown.first, unknown.allSatisfy({ $0.rate == first.rate }) else {
            return nil
        }
        return first
    }

    /// The supply that a property refers to.
    public func supply(_ property: String) -> Supply? { supplies.first { $0.property == property } }
}

extension StateFolder {
    /// The folder where `bind` records the devices' resources.
    public static var hostRecords: StateFolder { StateFolder(base: "/run", names: ["martlet", "host-records"]) }
}
