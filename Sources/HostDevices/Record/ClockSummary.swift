// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The kernel's table of its clocks: /sys/kernel/debug/clk/clk_summary.
///
/// Its columns differ from kernel to kernel; the heading names them. Since Linux 6.1 it shows whether the hardware has
/// a clock switched on. Since 6.6 each clock's consumers follow, with the device and the driver's name for the clock.
/// - SeeAlso: Linux, drivers/clk/clk.c (clk_summary_show)
package struct ClockSummary: Equatable, Sendable {
    /// One use of a clock.
    package struct Consumer: Equatable, Sendable {
        /// The name of the device, or of its node in the device tree: "3100000.serial", "serial@3100000".
        package let device: String
        /// The name that its driver asked for: an entry of `clock-names`, or nil for a clock without a name.
        package let connection: String?
    }

    package struct Clock: Equatable, Sendable {
        package let name: String
        /// In Hz.
        package let rate: UInt64
        /// Whether it runs; nil when that isn't known.
        package let isOn: Bool?
        package fileprivate(set) var consumers: [Consumer] = []
    }

    /// In the file's order.
    package private(set) var clocks: [Clock] = []
    /// Whether the kernel names consumers.
    package let hasConsumers: Bool

    /// The largest size of the file in bytes: a thousand clocks take 200 KiB.
    package static let sizeLimit = 8 << 20
    /// The path of the file below debugfs.
    package static let path = "clk/clk_summary"

    /// Nil without a heading that shows where the rates are. Malformed lines are skipped.
    package init?(parsing text: [UInt8]) {
        var columns: ClockColumns?
        // Whether the parent clock runs, by level.
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

    /// The clocks that a device's driver uses.
    /// - Parameter node: the name of its node; clocks that the driver requested by number are listed under that name.
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

    /// The consumer in these fields; nil for the placeholder of a clock without consumers.
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

/// The columns of a line, according to the heading, counted from the end of the clock's name.
private struct ClockColumns {
    /// The number of columns before the consumers.
    let count: Int
    let enableCount: Int
    let rate: Int
    /// The column that shows whether the hardware has the clock switched on.
    let hardware: Int?
    let hasConsumers: Bool

    /// Reads "clock enable_cnt prepare_cnt rate accuracy phase", or "clock count count count rate accuracy phase cycle
    /// enable consumer id", which follows a line with the first halves of the names. Nil for any other line.
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

    /// How many fields the clock's name takes; nil when the line has no clock.
    func endOfName(in fields: [ArraySlice<UInt8>]) -> Int? {
        guard fields.count > count else { return nil }
        // Consumers follow the columns, and have one or two names themselves. Without consumers nothing follows.
        let ends = hasConsumers ? Array(1...fields.count - count) : [fields.count - count]
        return ends.first { end in
            (0...max(rate, enableCount)).allSatisfy { ClockSummary.number(fields[end + $0]) != nil }
                && hardware.map { [[0x59], [0x4E], [0x3F]].contains(Array(fields[end + $0])) } ?? true
        }
    }

    /// Whether the clock runs: a user has enabled it, or the hardware has it switched on and its parent runs.
    func isOn(_ fields: [ArraySlice<UInt8>], _ end: Int, above: Bool?) -> Bool? {
        if let users = ClockSummary.number(fields[end + enableCount]), users > 0 { return true }
        guard let hardware else { return nil }
        switch fields[end + hardware].first {
        // "Y"; a clock without a switch has it too.
        case 0x59: return above
        case 0x4E: return false
        default: return nil
        }
    }
}
