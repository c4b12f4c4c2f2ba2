// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem

/// Whether the host keeps a device's clocks, supplies and power domains on and its resets off, independent of its
/// driver.
///
/// The kernel module martlet-hold does this (host-module/). A hold belongs to the host: it lasts until it is released,
/// the device is removed or the module is unloaded, even after the end of the process that requested it.
public enum DeviceHold: Equatable, Sendable {
    /// The module isn't loaded, or the device is not from the host's device tree.
    case unavailable
    /// The module is loaded, but doesn't hold the device.
    case free
    /// What is held, in the module's words: "supplies=1 power-domains=2 clocks=4 resets=2/2".
    case held(String)

    /// Whether the module holds it.
    public var isHeld: Bool { if case .held = self { true } else { false } }

    /// The module's folder below sysfs.
    private static let folder = "devices/martlet-hold"

    /// - Throws: `HostDeviceError.sysfs`: the module's list can't be read.
    public init(of device: HostDevice, sysfs: Sysfs) throws(HostDeviceError) {
        self = .unavailable
        if device.deviceTreeNode == nil { return }
        let list: String
        do throws(Errno) { list = try sysfs.text("\(Self.folder)/held") } catch .noSuchFileOrDirectory {
            return
        } catch { throw .sysfs(device: device.name, path: "\(sysfs.root)/\(Self.folder)/held", errno: error) }
        self = .free
        for line in list.split(separator: "\n") {
            let parts = line.split(separator: " ", maxSplits: 1)
            if parts.first == device.name[...] { self = .held(parts.count > 1 ? String(parts[1]) : "") }
        }
    }

    /// The file into which a device's name is written to hold it.
    static func holdFile(_ sysfs: Sysfs) -> String { "\(sysfs.root)/\(folder)/hold" }
    /// The file into which a device's name is written to release it.
    static func releaseFile(_ sysfs: Sysfs) -> String { "\(sysfs.root)/\(folder)/release" }
    /// Whether `path` is `holdFile`.
    static func isHoldFile(_ path: String) -> Bool { path.hasSuffix("/\(folder)/hold") }
}
