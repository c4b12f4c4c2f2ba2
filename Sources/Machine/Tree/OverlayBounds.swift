// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree
internal import LinuxSystem

/// Keeps an overlay from changing what Martlet writes.
///
/// A change of the machine's description is refused. A property of /chosen that describes the boot keeps Martlet's
/// value, with a warning. An overlay may add to the machine's description ("cpu-map" in /cpus).
struct OverlayBounds {
    /// The overlay's name in errors.
    let overlay: String
    let before: Tree
    /// Whether the configuration sets `bootargs`.
    let hasBootArguments: Bool

    /// Properties that an overlay must not add to a node of the machine: each would change its meaning.
    private static let decisive = [
        "compatible", "device_type", "reg", "ranges", "interrupts", "interrupts-extended", "interrupt-parent",
        "enable-method", "method", "linux,usable-memory",
    ]

    /// - Parameter tree: the result of applying the overlay to `before`.
    /// - Throws: `MachineError.boardOverlay`
    func check(_ tree: inout Tree, log: Log) throws(MachineError) {
        for name in ["#address-cells", "#size-cells", "interrupt-parent"]
        where tree.root[property: name] != before.root[property: name] {
            throw refusal(name, "/")
        }
        for node in tree.root.children {
            let former = before.root.child(exactly: node.name)
            guard isMachine(node) || former.map(isMachine) == true else { continue }
            guard let former else { throw refusal("", "/\(node.name)") }
            try compare(node, former, "/\(node.name)", isCPUs: node.name == "cpus")
        }
        let controllers = Set(Self.controllers(of: before.root, at: ""))
        for path in Self.controllers(of: tree.root, at: "") where !controllers.contains(path) {
            throw refusal("", path)
        }
        keepBoot(in: &tree, log: log)
    }

    private func isMachine(_ node: Node) -> Bool {
        BoardPart.isBoard(node) || BoardPart.isInterruptController(node, atRoot: true)
    }

    private func compare(_ node: Node, _ former: Node, _ path: String, isCPUs: Bool) throws(MachineError) {
        for property in node.properties {
            if let value = former[property: property.name] {
                guard value == property.value else { throw refusal(property.name, path) }
            } else if Self.decisive.contains(property.name) {
                throw refusal(property.name, path)
            } else if property.name == "status", property.value != .string("okay"), property.value != .string("ok") {
                throw refusal(property.name, path)
            }
        }
        for child in node.children {
            let childPath = "\(path)/\(child.name)"
            if let formerChild = former.child(exactly: child.name) {
                try compare(child, formerChild, childPath, isCPUs: false)
            } else if isCPUs, child.baseName == "cpu" || child[property: "device_type"]?.string == "cpu" {
                throw refusal("", childPath)
            } else if child[property: "msi-controller"] != nil {
                // A part of an interrupt controller that Martlet's doesn't have.
                throw refusal("", childPath)
            }
        }
    }

    /// The paths of the CPUs' interrupt controllers, at any depth.
    private static func controllers(of node: Node, at path: String) -> [String] {
        var paths: [String] = []
        for child in node.children {
            let childPath = "\(path)/\(child.name)"
            if BoardPart.isInterruptController(child, atRoot: path.isEmpty) { paths.append(childPath) }
            paths += controllers(of: child, at: childPath)
        }
        return paths
    }

    private func keepBoot(in tree: inout Tree, log: Log) {
        guard let chosen = tree.root.child(exactly: "chosen") else { return }
        for property in chosen.properties {
            let name = property.name
            guard BoardPart.isOfBoot(name) || (name == "bootargs" && hasBootArguments) else { continue }
            let former = before.root.child(exactly: "chosen")?[property: name]
            if former == property.value { continue }
            log(.warning, "\(overlay): \(name) of /chosen is ignored: Martlet writes it (found \(property.value))")
            tree.update(at: "/chosen") { $0[property: name] = former }
        }
    }

    /// - Parameter property: empty for the whole node.
    private func refusal(_ property: String, _ path: String) -> MachineError {
        .boardOverlay(overlay: overlay, property: property, node: path, remedy: Self.remedy(path))
    }

    private static func remedy(_ path: String) -> String {
        if path.hasPrefix("/memory") { return "set machine-config.mem_size_mib and machine-config.ram_base instead" }
        if path.hasPrefix("/cpus") { return "set machine-config.vcpu_count instead" }
        return "remove it from the overlay"
    }
}
