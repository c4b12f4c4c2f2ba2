// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree

/// The parts of a guest's tree that only Martlet can know: memory, CPUs, PSCI, the timer, the interrupt controller, and
/// the properties of /chosen that describe the boot.
enum BoardPart {
    /// Whether a child of the root describes memory, CPUs, PSCI or the timer.
    static func isBoard(_ node: Node) -> Bool {
        ["cpus", "psci", "timer"].contains(node.name) || node.baseName == "memory"
            || node[property: "device_type"]?.string == "memory"
            || node[property: "compatible"]?.strings?.contains("arm,armv8-timer") == true
    }

    /// Whether a node is a GIC of any kind: bindings interrupt-controller/arm,gic.yaml and arm,gic-v3.yaml.
    ///
    /// A node at the root that has only `interrupt-controller` stands for the guest's GIC: Xen's partial trees have it
    /// only as a target of references (docs/misc/arm/passthrough.txt). No driver uses a node without `compatible`
    /// there.
    static func isInterruptController(_ node: Node, atRoot: Bool) -> Bool {
        guard node[property: "interrupt-controller"] != nil else { return false }
        guard let compatible = node[property: "compatible"] else {
            return atRoot && node[property: "gpio-controller"] == nil
                && node[property: "#interrupt-cells"].map { $0.cell == 3 } ?? true
        }
        return compatible.strings?.contains {
            $0.hasPrefix("arm,gic") || ($0.hasPrefix("arm,cortex-") && $0.hasSuffix("-gic"))
        } == true
    }

    /// Whether a property of /chosen describes one boot of one machine.
    static func isOfBoot(_ property: String) -> Bool {
        switch property {
        case "linux,initrd-start", "linux,initrd-end", "rng-seed", "kaslr-seed", "stdout-path",
            "linux,usable-memory-range", "linux,elfcorehdr":
            true
        // Tables of the host's firmware, which are in a tree from a running host's /sys/firmware/fdt.
        default: property.hasPrefix("linux,uefi-")
        }
    }

    /// Collects the phandles of a node and all nodes below it, with their paths.
    static func phandles(of node: Node, at path: String, _ paths: inout [UInt32: String]) {
        if let phandle = node.phandle { paths[phandle.rawValue] = path }
        for child in node.children { phandles(of: child, at: "\(path)/\(child.name)", &paths) }
    }
}
