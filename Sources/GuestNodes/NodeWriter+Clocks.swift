// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree

/// Clocks from the configuration, and placeholders whose rate doesn't matter.
extension NodeWriter {
    /// The replacement for a clock of unknown rate; nil if there is none.
    /// - Parameters:
    ///   - key: the clock's name, or its index.
    ///   - node: the host's node with the reference.
    func standIn(_ key: String, of node: Node) -> ClockRate? {
        if let hertz = settings.clocks[NodeSettings.everyClock] {
            return ClockRate(hertz: hertz, origin: .configurationForAll)
        }
        let isBusClock =
            key == ClockRate.primecellClock && Self.isPrimecell(node[property: "compatible"]?.strings ?? [])
        return isBusClock ? ClockRate(hertz: ClockRate.primecellRate, origin: .standIn) : nil
    }

    /// The phandle of a placeholder; one clock is enough for all devices.
    mutating func standIn(_ hertz: UInt32) throws(DeviceTreeError) -> Phandle {
        try shared.clock(provider: ClockRate.primecellClock, arguments: [], hertz: hertz)
    }

    private static func isPrimecell(_ compatible: [String]) -> Bool { compatible.contains("arm,primecell") }

    /// Whether the rate of one of these clocks is known without the host's tree.
    func hasRate(forAny names: [String]?, of node: Node) -> Bool {
        !settings.clocks.isEmpty || (names ?? []).contains { standIn($0, of: node) != nil }
    }

    /// Checks that the device has the clocks that the configuration names.
    mutating func checkClocks(_ names: [String]?, count: Int) {
        let known = names ?? (0..<count).map { "\($0)" }
        let unknown = settings.clocks.keys.filter { $0 != NodeSettings.everyClock && !known.contains($0) }.sorted()
        if !unknown.isEmpty { fail(.unknownClocks(device: request.name, unknown, known: known)) }
    }

    /// Adds clocks that the host's node doesn't have.
    mutating func writeClocksOfItsOwn(_ compatible: [String], to node: inout Node) throws(DeviceTreeError) {
        let keys = settings.clocks.keys.filter { $0 != NodeSettings.everyClock }
        if !keys.isEmpty {
            try writeConfiguredClocks(names: nil, to: &node)
        } else if !self.source.isOnHost, Self.isPrimecell(compatible),
            !settings.properties.contains(where: { $0.name == "clocks" })
        {
            node[property: "clocks"] = .phandle(try standIn(ClockRate.primecellRate))
            note("", "clocks", .added, .entries([.clock(hertz: ClockRate.primecellRate, .standIn, provider: "")]))
            node[property: "clock-names"] = .string(ClockRate.primecellClock)
            note("", "clock-names", .added, .goesWith("clocks"))
        }
    }

    /// Adds the configuration's clocks when the host's tree doesn't show which clocks the device has.
    /// - Parameter names: `clock-names` of the host's node; if nil, the configuration's keys are the names, unless they
    ///   are indices.
    mutating func writeConfiguredClocks(names: [String]?, to node: inout Node) throws(DeviceTreeError) {
        let given = settings.clocks.keys.filter { $0 != NodeSettings.everyClock }
        let indices = given.compactMap { Int($0) }
        let isIndexed = names == nil && indices.count == given.count
        // A larger index is a mistake.
        let count = min(max(indices.max() ?? 0, 0), 63) + 1
        let keys = isIndexed ? (0..<count).map { "\($0)" } : names ?? given.sorted()
        checkClocks(keys, count: keys.count)
        var value = PropertyValue.empty
        for key in keys {
            if let hertz = settings.clocks[key] {
                value.append(
                    phandle: try shared.clock(provider: "\(request.name) \(key)", arguments: [], hertz: hertz))
            } else if let rate = standIn(key, of: source.node) {
                let isShared = rate.origin == .standIn
                let provider = isShared ? ClockRate.primecellClock : "\(request.name) \(key)"
                value.append(phandle: try shared.clock(provider: provider, arguments: [], hertz: rate.hertz))
            } else {
                value.append(cell: 0)
            }
        }
        node[property: "clocks"] = value
        let isNew = source.node[property: "clocks"] == nil
        note("", "clocks", isNew ? .added : .rewritten, .configuration)
        if isIndexed { return }
        node[property: "clock-names"] = .strings(keys)
        note("", "clock-names", isNew ? .added : .copied, .goesWith("clocks"))
    }
}
