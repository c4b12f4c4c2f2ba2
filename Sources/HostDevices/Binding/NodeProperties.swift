// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// The names and strings of a node's properties in the live tree. Each list of strings is read once. Create one for
/// each question; one thread uses it.
final class NodeProperties {
    private let folder: String
    /// The device that errors name.
    private let device: String
    private let system: any SystemCalls
    /// The lists that were read so far, by property name.
    private var lists: [String: [String]] = [:]

    init(folder: String, device: String, system: any SystemCalls) {
        self.folder = folder
        self.device = device
        self.system = system
    }

    /// The properties of the device's node; nil without a node.
    convenience init?(of device: HostDevice, system: any SystemCalls) {
        guard let node = device.deviceTreeNode else { return nil }
        self.init(folder: node, device: device.name, system: system)
    }

    func has(_ name: String) throws(HostDeviceError) -> Bool {
        try reading(name) { (path) throws(Errno) in
            _ = try system.isDirectory(path)
            return true
        } ?? false
    }

    /// The property's strings; empty if there is no such property.
    func strings(_ name: String) throws(HostDeviceError) -> [String] {
        if let known = lists[name] { return known }
        let bytes = try reading(name) { (path) throws(Errno) in try system.readFile(path, limit: 65536) }
        let list = (bytes ?? []).split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        lists[name] = list
        return list
    }

    /// Whether neither the node nor a node below it has resources that a guest could use.
    func hasNoResources() throws(HostDeviceError) -> Bool {
        let names = try reading(nil) { (path) throws(Errno) in try system.listDirectory(path) } ?? []
        for name in names {
            if ["reg", "interrupts", "interrupts-extended", "gpios", "gpio"].contains(name) { return false }
            if name.hasSuffix("-gpios") || name.hasSuffix("-gpio") { return false }
            let isNode = try reading(name) { (path) throws(Errno) in try system.isDirectory(path) }
            guard isNode == true else { continue }
            let child = NodeProperties(folder: "\(folder)/\(name)", device: device, system: system)
            guard try child.hasNoResources() else { return false }
        }
        return true
    }

    /// - Returns: nil if there is no such file.
    private func reading<Result>(
        _ name: String?, _ body: (String) throws(Errno) -> Result
    ) throws(HostDeviceError) -> Result? {
        let path = name.map { "\(folder)/\($0)" } ?? folder
        do throws(Errno) { return try body(path) } catch .noSuchFileOrDirectory {
            return nil
        } catch { throw .sysfs(device: device, path: path, errno: error) }
    }
}
