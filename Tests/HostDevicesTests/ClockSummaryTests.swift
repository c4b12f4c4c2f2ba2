// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import HostDevices
import Testing

/// What debugfs says of clocks and power domains, as several kernels write it.
@Suite struct ClockSummaryTests {
    /// Linux 6.6 and later.
    static let new = """
                                  enable  prepare  protect                 duty  hardware               connection
           clock                   count    count    count        rate   accuracy phase  cycle  enable   consumer   id
        --------------------------------------------------------------------------------------------------------------
         osc_24m                       2       2        0        24000000    0    0     50000  Y   deviceless  no_connection_id
            core gate                  1       1        0        24000000    0    0     50000  Y      1000.net  core
                                                                                                   deviceless  no_connection_id
            bus_gate                   0       0        0        12000000    0    0     50000  N      1000.net  bus
                                                                                                      net@1000  no_connection_id
               bus_div                 0       0        0        6000000     0    0     50000  Y         1000.net  no_connection_id
         pll 4                         0       0        0        4294967296  0    -----  50000  ?   deviceless  of_clk_get

        """
    /// Linux 6.1.
    static let old = """
                                         enable  prepare  protect                                duty  hardware
           clock                          count    count    count        rate   accuracy phase  cycle    enable
        -------------------------------------------------------------------------------------------------------
         osc_24m                              2        2        0    24000000          0     0  50000         Y
            core gate 1                       1        1        0    24000000          0     0  50000         Y
            bus_gate                          0        0        0    12000000          0     0  50000         N

        """
    /// Linux 4.9.
    static let ancient = """
           clock                         enable_cnt  prepare_cnt        rate   accuracy   phase
        ----------------------------------------------------------------------------------------
         osc_24m                                  2            2    24000000          0 0  
            core                                  0            0    24000000          0 0  

        """
    static let domains = """
        domain                          status          children        performance
            /device                         runtime status                  managed by
        ------------------------------------------------------------------------------
        pd_usb                          off-0                           0
                                                        pd_phy, pd_hub
            genpd:1:1000.usb                suspended                   0           SW
        pd_net                          on                              0
            /devices/platform/soc/1000.net  active                      0           SW
            genpd:0:1000.usb                suspended                   0           SW

        """

    static func summary(_ text: String) throws -> ClockSummary { try #require(ClockSummary(parsing: Array(text.utf8))) }

    @Test func `consumers are told by device and by name`() throws {
        let summary = try Self.summary(Self.new)
        #expect(summary.hasConsumers)
        #expect(summary.clocks.map(\.name) == ["osc_24m", "core gate", "bus_gate", "bus_div", "pll 4"])
        #expect(summary.clocks.map(\.rate) == [24_000_000, 24_000_000, 12_000_000, 6_000_000, 4_294_967_296])
        #expect(summary.clocks.map(\.consumers.count) == [0, 1, 2, 1, 0])
        let found = summary.clocks(of: "1000.net", node: "net@1000")
        #expect(found.map(\.name) == ["core gate", "bus_gate", "bus_gate", "bus_div"])
        #expect(found.map(\.connection) == [.named("core"), .named("bus"), .unknown, .first])
    }

    /// A clock without a switch of its own stands when the one that it is made from does.
    @Test func `a clock runs if it and all above it are on`() throws {
        #expect(try Self.summary(Self.new).clocks.map(\.isOn) == [true, true, false, false, nil])
        #expect(try Self.summary(Self.old).clocks.map(\.isOn) == [true, true, false])
        #expect(try Self.summary(Self.ancient).clocks.map(\.isOn) == [true, nil])
    }

    @Test func `older kernels have rates and no consumers`() throws {
        for (text, names) in [
            (Self.old, ["osc_24m", "core gate 1", "bus_gate"]), (Self.ancient, ["osc_24m", "core"]),
        ] {
            let summary = try Self.summary(text)
            #expect(!summary.hasConsumers)
            #expect(summary.clocks.map(\.name) == names)
            #expect(summary.clocks[0].rate == 24_000_000)
            #expect(summary.clocks(of: "1000.net", node: "net@1000").isEmpty)
        }
    }

    @Test func `what has no heading is no summary`() {
        for text in ["", "\n\n", "osc 1 1 0 24000000 0 0 50000 Y", "clock count count", "   clock   rate phase\n"] {
            #expect(ClockSummary(parsing: Array(text.utf8)) == nil, "\(text)")
        }
    }

    @Test func `a device's power domains are found, one or several`() {
        let summary = PowerDomainSummary(parsing: Array(Self.domains.utf8))
        #expect(summary.domains.map(\.name) == ["pd_usb", "pd_net"])
        #expect(summary.domains.map(\.isOn) == [false, true])
        #expect(summary.domains(of: "1000.net").map(\.name) == ["pd_net"])
        #expect(summary.domains(of: "1000.usb").map(\.name) == ["pd_usb", "pd_net"])
        #expect(summary.domains(of: "000.net").isEmpty)
    }

    // MARK: Damage

    private struct Chance: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }

    /// Changes, removes, doubles and moves some bytes.
    private func damaged(_ text: [UInt8], _ chance: inout Chance) -> [UInt8] {
        var bytes = text
        for _ in 0..<Int.random(in: 1...8, using: &chance) where !bytes.isEmpty {
            let place = Int.random(in: 0..<bytes.count, using: &chance)
            let end = min(bytes.count, place + Int.random(in: 1...60, using: &chance))
            switch Int.random(in: 0..<6, using: &chance) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &chance)
            case 1: bytes[place] = [0x0A, 0x09, 0x20, 0x30, 0x39, 0x2D, 0x59].randomElement(using: &chance) ?? 0
            case 2: bytes.removeSubrange(place..<end)
            case 3: bytes.insert(contentsOf: bytes[place..<end], at: place)
            case 4: bytes = Array(bytes[..<place])
            default: bytes.insert(contentsOf: Array("99999999999999999999".utf8), at: place)
            }
        }
        return bytes
    }

    @Test func `a hundred thousand damaged files crash nothing`() throws {
        var chance = Chance(state: 20_261_127)
        let record = """
            clock\tcore gate\t=core\t24000000\ton
            supply\tvmmc-supply\tvcc_sd\tregulator.3\t3300000\toff
            domain\tpd_net\tunknown
            suspended
            address\t2\t0\t0\t0\t0\t1
            gap\tclocks\t1
            """
        let texts = [Self.new, Self.old, Self.ancient, Self.domains, record].map { Array($0.utf8) }
        var (clocks, records) = (0, 0)
        for round in 0..<100_000 {
            let bytes = damaged(texts[round % texts.count], &chance)
            if let summary = ClockSummary(parsing: bytes) {
                clocks += summary.clocks.count
                _ = summary.clocks(of: "1000.net", node: "net@1000")
            }
            _ = PowerDomainSummary(parsing: bytes).domains(of: "1000.net")
            if let read = HostRecord(text: String(decoding: bytes, as: UTF8.self)) {
                records += 1
                // What is read is written and read again.
                #expect(HostRecord(text: read.text) == read)
            }
        }
        #expect(clocks > 10_000 && records > 100)
    }
}
