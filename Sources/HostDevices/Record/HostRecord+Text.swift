// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem

/// The file format of a record: one line for each entry, with tabs between the fields.
extension HostRecord {
    /// The largest size of the file in bytes.
    public static let sizeLimit = 65536

    /// Reads the record of a device; nil if there is none.
    /// - Throws: the errors of open(2) and read(2); EILSEQ for a file that `bind` hasn't written.
    public init?(of device: String, system: any SystemCalls) throws(Errno) {
        let bytes: [UInt8]
        do throws(Errno) {
            bytes = try system.readFile("\(StateFolder.hostRecords.path)/\(device)", limit: Self.sizeLimit)
        } catch .noSuchFileOrDirectory {
            return nil
        }
        guard let record = HostRecord(text: String(decoding: bytes, as: UTF8.self)) else { throw .illegalByteSequence }
        self = record
    }

    /// The text that `init(text:)` reads.
    public var text: String {
        var lines = clocks.map { ["clock", $0.name, Self.text($0.connection), "\($0.rate)", $0.power.rawValue] }
        lines += supplies.map {
            ["supply", $0.property, $0.name, $0.folder, $0.microvolts.map { "\($0)" } ?? "?", $0.power.rawValue]
        }
        lines += domains.map { ["domain", $0.name, $0.power.rawValue] }
        if wasSuspended { lines.append(["suspended"]) }
        if let ethernetAddress { lines.append(["address"] + ethernetAddress.map { "\($0)" }) }
        lines += gaps.map { ["gap", $0.what, "\($0.errno.rawValue)"] }
        return lines.map { $0.map(Self.field).joined(separator: "\t") }.joined(separator: "\n")
    }

    /// Reads the record; nil for a text that `text` hasn't written.
    public init?(text: String) {
        self.init()
        guard text.unicodeScalars.allSatisfy({ $0.value >= 0x20 || $0 == "\t" || $0 == "\n" }) else { return nil }
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            switch (fields[0], fields.count) {
            case ("clock", 5):
                guard let rate = UInt64(fields[3]), let power = Power(rawValue: fields[4]) else { return nil }
                clocks.append(Clock(name: fields[1], connection: Self.connection(fields[2]), rate: rate, power: power))
            case ("supply", 6):
                guard let power = Power(rawValue: fields[5]), FormerBinding.isName(fields[3]) else { return nil }
                supplies.append(
                    Supply(
                        property: fields[1], name: fields[2], folder: fields[3], microvolts: UInt32(fields[4]),
                        power: power))
            case ("domain", 3):
                guard let power = Power(rawValue: fields[2]) else { return nil }
                domains.append(Domain(name: fields[1], power: power))
            case ("suspended", 1): wasSuspended = true
            case ("address", 7):
                let bytes = fields.dropFirst().compactMap { UInt8($0) }
                guard bytes.count == 6 else { return nil }
                ethernetAddress = bytes
            case ("gap", 3):
                guard let errno = CInt(fields[2]), errno > 0 else { return nil }
                gaps.append(Gap(what: fields[1], errno: Errno(rawValue: errno)))
            default: return nil
            }
        }
    }

    /// Removes tabs and line ends from a name of the kernel, because they separate fields and lines.
    private static func field(_ text: String) -> String {
        String(text.map { $0.unicodeScalars.allSatisfy { $0.value >= 0x20 } ? $0 : " " })
    }

    private static func text(_ connection: Connection) -> String {
        switch connection {
        case .named(let name): "=\(name)"
        case .first: "first"
        case .unknown: "?"
        }
    }

    private static func connection(_ text: String) -> Connection {
        if text.hasPrefix("=") { return .named(String(text.dropFirst())) }
        return text == "first" ? .first : .unknown
    }
}
