// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Glibc
import Testing

/// The flat guest that is controlled through its serial port, one letter for each action: guest-images/flat/remote.S
/// has the list.
final class RemoteGuest {
    let guest: Guest
    var process: MartletProcess { guest.process }

    /// Starts it, and waits until it accepts letters.
    init(_ devices: [GuestConfiguration.Device] = [], gate: Gate? = nil) throws {
        guest = try Guest(.flat("remote", devices: devices), MartletProcess.Options(gate: gate))
        try process.waitForOutput("martlet-guest: ready")
    }

    /// A device at the address that the guest expects.
    static func device(
        _ host: String, _ path: String? = nil, mapTimeout: Int? = nil, stormLimit: Int? = nil,
        endOfInterrupt: [String: Int]? = nil
    ) -> GuestConfiguration.Device {
        let addresses = [HostDevices.rtc: "0xc000000", HostDevices.gpio: "0xc001000", HostDevices.virtio: "0xc002000"]
        var device = GuestConfiguration.Device(host, guestAddress: addresses[host])
        device.interrupts = path
        device.mapTimeout = mapTimeout
        device.stormLimit = stormLimit
        device.endOfInterrupt = endOfInterrupt
        return device
    }

    func tell(_ letters: String) throws { try process.send(letters) }

    /// Sends letters, and returns the numbers in the line of the answer.
    func ask(_ letters: String, _ start: String) throws -> [Int] {
        let before = lines(start).count
        try tell(letters)
        try process.wait("an answer to \(letters)") { lines(start).count > before || !process.isRunning }
        return (lines(start).last ?? "").split { !$0.isNumber }.compactMap { Int($0) }
    }

    /// The complete lines so far that have this start.
    private func lines(_ start: String) -> [Substring] {
        process.output.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            .filter { $0.hasPrefix("martlet-guest: \(start)") }
    }

    /// Waits until it has done everything that it was told.
    func waitUntilDone() throws { _ = try counts() }

    /// How many interrupts it has had so far.
    func counts() throws -> (rtc: Int, gpio: Int, other: Int) {
        let numbers = try ask("p", "counts")
        try #require(numbers.count == 3, "\(process.transcript)")
        return (numbers[0], numbers[1], numbers[2])
    }

    /// Waits until it has had as many interrupts as expected.
    func waitForCounts(
        _ what: String, seconds: Double = 20, _ isEnough: ((rtc: Int, gpio: Int, other: Int)) -> Bool
    ) throws {
        try process.wait(what, seconds) { isEnough(try counts()) }
    }

    /// Sets ten alarms, each of which must arrive.
    func expectAlarms(sourceLocation: SourceLocation = #_sourceLocation) throws {
        #expect(try ask("B", "alarms").prefix(2) == [10, 10], sourceLocation: sourceLocation)
    }

    /// Makes it power off.
    func finish(sourceLocation: SourceLocation = #_sourceLocation) throws -> Guest.Result {
        try tell("q")
        let result = try guest.finish()
        #expect(result.status == 0, "\(result.output)\(result.errors)", sourceLocation: sourceLocation)
        return result
    }
}
