// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree
internal import PlatformBus

/// Facts about a device that neither its node nor VFIO has. Only data: to add a device, add a line to the table.
struct NodeQuirk: Sendable {
    let compatible: String
    /// Properties that the guest's node always gets.
    var properties: [Property] = []
    /// The trigger of its interrupts, whatever VFIO reports.
    var trigger: InterruptTrigger?
    /// The number of regions that its driver requires.
    var regionCount: Int?
    /// The number of clocks that its driver requires.
    var clockCount: Int?
    /// Properties that its driver requires.
    var required: [String] = []

    // QEMU supported these two (hw/arm/sysbus-fdt.c).
    private static let table = [
        NodeQuirk(
            compatible: "calxeda,hb-xgmac", properties: [Property("dma-coherent", .empty)], trigger: .level),
        // Five regions if the host's node describes MAC and PHY together (binding net/amd-xgbe.txt).
        NodeQuirk(
            compatible: "amd,xgbe-seattle-v1a", regionCount: 5, clockCount: 2,
            required: ["clock-names", "phy-mode", "amd,speed-set"]),
    ]

    /// The quirks of a device with these names.
    static func all(for compatible: [String]) -> [NodeQuirk] {
        table.filter { compatible.contains($0.compatible) }
    }

    /// What `node` lacks, as text; nil if it has everything that its driver requires.
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
