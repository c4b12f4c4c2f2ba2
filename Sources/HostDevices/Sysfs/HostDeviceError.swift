// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem

/// Why a device of the host can't be used.
///
/// `description` says what failed, on which device, why, and what to do about it.
public enum HostDeviceError: Error, Equatable, Sendable {
    /// Neither the platform nor the AMBA bus has a device of this name, or nothing is at this path.
    case noSuchDevice(device: String, similar: [String])
    /// No device has this name, but a node of the host's device tree does.
    case notADevice(device: String, HostPart)
    /// A path that doesn't lead into sysfs.
    case notInSysfs(path: String, root: String)
    /// A device of another bus, such as PCI; nil for a path that isn't a device.
    case unsupportedBus(device: String, bus: String?)
    /// There is no sysfs at this path.
    case noSysfs(device: String, root: String)
    /// A file of sysfs that can't be read.
    case sysfs(device: String, path: String, errno: Errno)
    /// A file of sysfs with content that Martlet can't read.
    case malformedSysfs(device: String, path: String, content: String)
    /// The device is not bound to its VFIO driver; `state` and `diagnosis` say what to do.
    case notReady(HostDevice)
    /// It could not be given to VFIO, or back to the host.
    case binding(device: String, BindingFailure)

    /// The device that the error is about: its name, or the path that was given for it.
    public var device: String {
        switch self {
        case .noSuchDevice(let device, _), .notADevice(let device, _), .notInSysfs(let device, _),
            .unsupportedBus(let device, _), .noSysfs(let device, _), .sysfs(let device, _, _),
            .malformedSysfs(let device, _, _), .binding(let device, _):
            device
        case .notReady(let host): host.name
        }
    }
}

extension HostDeviceError: CustomStringConvertible {
    /// "<device>: <what failed>", then indented lines: why, and what to run.
    public var description: String { "\(device): " + ([what] + help).joined(separator: "\n  ") }

    /// What failed, without the device's name.
    package var what: String {
        switch self {
        case .noSuchDevice(let device, _):
            device.hasPrefix("/") ? "no such device" : "no such device on the platform or AMBA bus"
        case .notADevice: "not a device"
        case .notInSysfs(_, let root): "not a path in \(root)"
        case .unsupportedBus(_, let bus):
            bus.map { "a device of the \($0) bus" } ?? "not a device"
        case .noSysfs(_, let root): "no sysfs is mounted at \(root)"
        case .sysfs(_, let path, let errno): "reading \(path) failed: \(errno.nameAndText)"
        case .malformedSysfs(_, let path, let content): "\(path) has unexpected content: \"\(content)\""
        case .notReady(let host): host.problem
        case .binding(_, let failure): failure.what
        }
    }

    /// The reason and the commands to run, one line each.
    package var help: [String] {
        switch self {
        case .noSuchDevice(_, let similar):
            similar.isEmpty
                ? ["run: ls /sys/bus/platform/devices /sys/bus/amba/devices"]
                : ["did you mean \(similar.joined(separator: " or "))?"]
        case .notADevice(_, let part): part.lines
        case .notInSysfs(_, let root):
            ["set sysfsdev to the device's folder, such as \(root)/bus/amba/devices/9010000.pl031"]
        case .unsupportedBus: ["only devices of the platform and the AMBA bus can be passed through"]
        case .noSysfs(_, let root):
            ["run: mount -t sysfs sysfs \(root)", "or start the container with --volume /sys:\(root)"]
        case .sysfs(_, _, let errno): errno.remedy
        case .malformedSysfs: []
        case .notReady(let host): host.remedy
        case .binding(_, let failure): failure.help
        }
    }
}
