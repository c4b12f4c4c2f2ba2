// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree
internal import HostDevices

/// What the host would have noted of a device whose driver has all clocks of its node.
///
/// A driver gets a clock by the name that the node has for it; an only one without a name as its first; several without
/// names by number, of which the kernel doesn't say which is which. Each has another rate.
struct SimulatedRecord {
    let tree: HostTree

    /// Nil for a device without clocks.
    func record(of device: Board.Device) -> HostRecord? {
        guard let count = count(device.node), count > 0 else { return nil }
        let names = device.node[property: "clock-names"]?.strings
        let parts = device.node.name.split(separator: "@")
        let name = parts.count == 2 ? "\(parts[1]).\(parts[0])" : device.node.name
        var lines = [
            "   clock   count count count   rate   accuracy phase  cycle   enable   consumer   id",
            String(repeating: "-", count: 141),
        ]
        for index in 0..<count {
            let connection: String
            var consumer = name
            if let names {
                guard names.indices.contains(index) else { continue }
                connection = names[index]
            } else {
                connection = "no_connection_id"
                if count > 1 { consumer = device.node.name }
            }
            lines.append(
                " clk_\(index)   1   1   0   \(100_000_000 + index)   0   0   50000   Y   \(consumer)   \(connection)   "
            )
        }
        guard let summary = ClockSummary(parsing: Array(lines.joined(separator: "\n").utf8)) else { return nil }
        var record = HostRecord()
        record.clocks = summary.clocks(of: name, node: device.node.name)
        return record
    }

    /// How many entries `clocks` has; nil where that can't be told.
    private func count(_ node: Node) -> Int? {
        guard let value = node[property: "clocks"] else { return nil }
        var count = 0
        var reader = value.reader
        while let cell = reader.cell() {
            count += 1
            if cell == 0 { continue }
            guard let phandle = Phandle(rawValue: cell), let provider = try? tree.folder(of: phandle),
                let cells = tree.value("#clock-cells", of: provider)?.cell, cells <= 16
            else { return nil }
            for _ in 0..<cells { _ = reader.cell() }
        }
        return count
    }
}
