// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// What the kernel says of its clocks: /sys/kernel/debug/clk/clk_summary.
///
/// Its columns differ from kernel to kernel: they are told by the heading. Linux 6.1 says whether the hardware has a
/// clock on, and since 6.6 each clock's consumers follow, by device and by the name that the device's driver has for
/// the clock.
/// - SeeAlso: Linux, drivers/clk/clk.c (clk_summary_show)
package struct ClockSummary: Equatable, Sendable {
    /// One use of a clock.
    package struct Consumer: Equatable, Sendable {
        /// The device's name, or the name of its node in the device tree: "3100000.serial", "serial@3100000".
        package let device: String
        /// What its driver asked for: an entry of `clock-names`, or nil for one without a name.
        package let connection: String?
    }

    package struct Clock: Equatable, Sendable {
        package let name: String
        /// In Hz.
        package let rate: UInt64
        /// Whether it runs; nil where that can't be told.
        package let isOn: Bool?
        package fileprivate(set) var consumers: [Consumer] = []
    }

    /// In the file's order.
    package private(set) var clocks: [Clock] = []
    /// Whether the kernel names consumers.
    package let hasConsumers: Bool

    /// How long the file may be, in bytes: a thousand clocks take 200 KiB.
    package static let sizeLimit = 8 << 20
    /// The file, below debugfs.
    package static let path = "clk/clk_summary"

    /// Nil without a heading that says where the rates are. Lines that make no sense are passed over.
    package init?(parsing text: [UInt8]) {
        var columns: ClockColumns?
        // Whether the clock runs from which the next one is made, by level.
        var above: [Bool?] = []
        for line in text.split(separator: 0x0A) {
            guard let known = columns else {
                columns = ClockColumns(heading: line)
                continue
            }
            let fields = line.split { $0 == 0x20 || $0 == 0x09 }
            guard let end = known.endOfName(in: fields) else {
                if known.hasConsumers, !clocks.isEmpty, let consumer = Self.consumer(fields[...]) {
                    clocks[clocks.count - 1].consumers.append(consumer)
                }
                continue
            }
            guard let rate = Self.number(fields[end + known.rate]) else { continue }
            let level = min(max(line.prefix { $0 == 0x20 }.count - 1, 0) / 3, above.count)
            above.removeLast(above.count - level)
            let isOn = known.isOn(fields, end, above: above.last ?? true)
            above.append(isOn)
            var clock = Clock(name: Self.text(fields[..<end]), rate: rate, isOn: isOn)
            if known.hasConsumers, let consumer = Self.consumer(fields[(end + known.count)...]) {
                clock.consumers.append(consumer)
            }
            clocks.append(clock)
        }
        guard let columns else { return nil }
        hasConsumers = columns.hasConsumers
    }

    /// The clocks that a device's driver has.
    /// - Parameter node: the name of its node, by which they are told that the driver got by number.
    package func clocks(of device: String, node: String?) -> [HostRecord.Clock] {
        var found: [HostRecord.Clock] = []
        for clock in clocks {
            for consumer in clock.consumers where consumer.device == device || consumer.device == node {
                let connection: HostRecord.Connection =
                    consumer.connection.map { .named($0) } ?? (consumer.device == device ? .first : .unknown)
                found.append(
                    .init(name: clock.name, connection: connection, rate: clock.rate, power: .init(clock.isOn)))
            }
        }
        return found
    }

    /// Nil for what stands there when nobody uses the clock.
    private static func consumer(_ fields: ArraySlice<ArraySlice<UInt8>>) -> Consumer? {
        guard fields.count >= 2, let first = fields.first else { return nil }
        let device = String(decoding: first, as: UTF8.self)
        if device == "deviceless" { return nil }
        let connection = text(fields.dropFirst())
        return Consumer(device: device, connection: connection == "no_connection_id" ? nil : connection)
    }

    private static func text(_ fields: ArraySlice<ArraySlice<UInt8>>) -> String {
        fields.map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
    }

    fileprivate static func number(_ field: ArraySlice<UInt8>) -> UInt64? {
        guard !field.isEmpty, field.allSatisfy({ 0x30...0x39 ~= $0 }) else { return nil }
        return UInt64(String(decoding: field, as: UTF8.self))
    }
}

/// Where is what in a line, by the heading; places are counted from behind the name.
private struct ClockColumns {
    /// How many there are before the consumers.
    let count: Int
    let enableCount: Int
    let rate: Int
    /// Whether the hardware has it on.
    let hardware: Int?
    let hasConsumers: Bool

    /// "clock enable_cnt prepare_cnt rate accuracy phase", or "clock count count count rate accuracy phase cycle enable
    /// consumer id", below a line with the other halves of the names. Nil for any other line.
    init?(heading: ArraySlice<UInt8>) {
        let names = heading.split { $0 == 0x20 || $0 == 0x09 }.map { String(decoding: $0, as: UTF8.self) }
        guard names.first == "clock" else { return nil }
        let columns = names.dropFirst().prefix { $0 != "consumer" }.map { $0 }
        guard let enableCount = columns.firstIndex(where: { $0 == "count" || $0 == "enable_cnt" }),
            let rate = columns.firstIndex(of: "rate")
        else { return nil }
        self.enableCount = enableCount
        self.rate = rate
        hardware = columns.firstIndex(of: "enable")
        count = columns.count
        hasConsumers = names.contains("consumer")
    }

    /// How many fields the clock's name takes; nil where the line has no clock.
    func endOfName(in fields: [ArraySlice<UInt8>]) -> Int? {
        guard fields.count > count else { return nil }
        // What follows the columns has a name or two itself; without consumers nothing follows.
        let ends = hasConsumers ? Array(1...fields.count - count) : [fields.count - count]
        return ends.first { end in
            (0...max(rate, enableCount)).allSatisfy { ClockSummary.number(fields[end + $0]) != nil }
                && hardware.map { [[0x59], [0x4E], [0x3F]].contains(Array(fields[end + $0])) } ?? true
        }
    }

    /// Whether the clock runs: somebody has switched it on, or its hardware is on and so is the clock that it is made
    /// from.
    func isOn(_ fields: [ArraySlice<UInt8>], _ end: Int, above: Bool?) -> Bool? {
        if let users = ClockSummary.number(fields[end + enableCount]), users > 0 { return true }
        guard let hardware else { return nil }
        switch fields[end + hardware].first {
        // "Y", also for a clock without a switch.
        case 0x59: return above
        case 0x4E: return false
        default: return nil
        }
    }
}
