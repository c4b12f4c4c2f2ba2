// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// The host's voltage regulators, in /sys/class/regulator. One thread uses it.
/// - SeeAlso: Linux, Documentation/ABI/testing/sysfs-class-regulator
final class Regulators {
    private let sysfs: Sysfs
    /// The folders by the paths of their nodes in the device tree, read at the first use.
    private lazy var folders = readFolders()

    init(_ sysfs: Sysfs) { self.sysfs = sysfs }

    /// Whether no regulator has a node in the device tree.
    var isEmpty: Bool { folders.isEmpty }

    /// The folder of the regulator with this node, such as "regulator.5"; nil if there is none.
    func folder(of node: String) -> String? { folders[node] }

    func text(_ file: String, of folder: String) -> String? { try? sysfs.text("class/regulator/\(folder)/\(file)") }

    /// Its current voltage in µV.
    func microvolts(of folder: String) -> UInt32? { text("microvolts", of: folder).flatMap { UInt32($0) } }

    /// Whether it is on; nil when the hardware doesn't report it.
    func isOn(_ folder: String) -> Bool? {
        switch text("state", of: folder) {
        case "enabled": true
        case "disabled": false
        default: nil
        }
    }

    private func readFolders() -> [String: String] {
        var folders: [String: String] = [:]
        for name in (try? sysfs.names("class/regulator")) ?? [] {
            let place = "\(sysfs.root)/class/regulator/\(name)/of_node"
            guard let link = try? sysfs.system.readLink(place) else { continue }
            if let path = HostTree.path(inLink: link), folders[path] == nil { folders[path] = name }
        }
        return folders
    }
}
