// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree
internal import PlatformBus

/// What is true of a device, but not said by its node or by VFIO. Data only: a new device needs a line in the table.
struct NodeQuirk: Sendable {
    let compatible: String
    /// Properties that the guest's node has in any case.
    var properties: [Property] = []
    /// What its interrupts are, whatever VFIO says.
    var trigger: InterruptTrigger?
    /// How many regions its driver needs.
    var regionCount: Int?
    /// How many clocks its driver needs.
    var clockCount: Int?
    /// Properties that its driver doesn't start without.
    var required: [String] = []

    // QEMU knew these two (hw/arm/sysbus-fdt.c).
    private static let table = [
        NodeQuirk(
            compatible: "calxeda,hb-xgmac", properties: [Property("dma-coherent", .empty)], trigger: .level),
        // Five regions where the host's node has MAC and PHY in one (binding net/amd-xgbe.txt).
        NodeQuirk(
            compatible: "amd,xgbe-seattle-v1a", regionCount: 5, clockCount: 2,
            required: ["clock-names", "phy-mode", "amd,speed-set"]),
    ]

    /// What is known of a device with these names.
    static func all(for compatible: [String]) -> [NodeQuirk] {
        table.filter { compatible.contains($0.compatible) }
    }

    /// What `node` lacks, in words; nil where it has all that its driver needs.
    func problem(of node: Node, regionCount: Int) -> String? {
        if let wanted = self.regionCount, wanted != regionCount {
            return "it has \(regionCount) regions, and its driver needs \(wanted)"
        }
        if let wanted = clockCount, (node[property: "clocks"]?.cells?.filter { $0 != 0 }.count ?? 0) < wanted {
            return "its driver needs \(wanted) clocks; set the unknown ones in device_tree.clocks"
        }
        if let name = required.first(where: { node[property: $0] == nil }) {
            return "its driver needs \(name); set it in device_tree.properties"
        }
        return nil
    }
}
