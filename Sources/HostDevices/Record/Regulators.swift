// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// The host's voltage regulators, in /sys/class/regulator. For one thread.
/// - SeeAlso: Linux, Documentation/ABI/testing/sysfs-class-regulator
final class Regulators {
    private let sysfs: Sysfs
    /// The folders by the paths of their nodes in the device tree, once somebody has asked.
    private lazy var folders = readFolders()

    init(_ sysfs: Sysfs) { self.sysfs = sysfs }

    /// Whether there is none of which the device tree tells.
    var isEmpty: Bool { folders.isEmpty }

    /// "regulator.5", of the node at a path of the device tree; nil where no regulator is made of it.
    func folder(of node: String) -> String? { folders[node] }

    func text(_ file: String, of folder: String) -> String? { try? sysfs.text("class/regulator/\(folder)/\(file)") }

    /// What it gives now.
    func microvolts(of folder: String) -> UInt32? { text("microvolts", of: folder).flatMap { UInt32($0) } }

    /// Nil where the hardware doesn't say.
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
