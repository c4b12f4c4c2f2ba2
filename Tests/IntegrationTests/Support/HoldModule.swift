// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import FoundationEssentials
import Glibc
import LinuxSystem
import Testing

/// The kernel module martlet-hold, and the emulated host's devices for it: their clocks, supplies, power domains and
/// resets are lines of a simulated GPIO controller (guest-images/arm-host/lines.dts).
enum HoldModule {
    static let folder = "/sys/devices/martlet-hold"

    /// Two clocks, two supplies, two power domains, and three resets, the second of which `single` shares.
    static let needy = "a010000.needs"
    /// A clock, a power domain and a reset; it shares the clock and the reset with `needy`.
    static let single = "a011000.needs"
    /// A reset that the kernel's reset-gpio driver uses.
    static let resetOnly = "a012000.needs"
    /// Each has a provider that doesn't exist: of a reset, a clock, a power domain.
    static let unprovided = ["a013000.needs", "a014000.needs", "a015000.needs"]
    /// A clock. The device is removed when `bus` loses its driver.
    static let removable = "a016000.needs"
    static let bus = "lines-bus"

    private static let modules = ProcessInfo.processInfo.environment["MARTLET_MODULES"] ?? ""

    /// Calls `body` with the module loaded. Afterwards the devices have no driver, and the module is unloaded.
    static func whileLoaded(_ body: () throws -> Void) throws {
        try makeDevicesWhole()
        try shell("insmod \(modules)/martlet-hold.ko")
        let result = Result { try body() }
        try shell("rmmod martlet_hold")
        #expect(!Host.exists(folder))
        for device in [needy, single] { try HostDevices.unbind(device) }
        expectOn([], "unloaded")
        try result.get()
    }

    /// Loads the driver of the power and reset controller, until the host's end.
    static func makeDevicesWhole() throws {
        if !Host.exists("/sys/module/lines") { try shell("insmod \(modules)/lines.ko") }
    }

    static func hold(_ device: String) throws { try Host.write(device + "\n", to: "\(folder)/hold") }
    static func release(_ device: String) throws { try Host.write(device, to: "\(folder)/release") }
    static var held: [String] { Host.text("\(folder)/held").split(separator: "\n").map(String.init) }

    /// The lines that are on.
    static var on: [Int] {
        let parent = "/sys/devices/platform/lines"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
        guard let chip = names.first(where: { Host.exists("\(parent)/\($0)/sim_gpio0/value") }) else { return [-1] }
        return (0..<16).filter { Host.text("\(parent)/\(chip)/sim_gpio\($0)/value") == "1" }
    }

    /// Expects exactly these lines to be on. A power domain may go off shortly after its last user.
    static func expectOn(_ lines: [Int], _ when: String = "", sourceLocation: SourceLocation = #_sourceLocation) {
        for _ in 0..<50 where on != lines { usleep(20_000) }
        #expect(on == lines, "\(when)", sourceLocation: sourceLocation)
    }

    static func shell(_ command: String) throws {
        let process = try MartletProcess(["-ec", command], program: "/bin/sh")
        try #require(try process.waitForEnd() == 0, "\(command): \(process.transcript)")
    }
}
