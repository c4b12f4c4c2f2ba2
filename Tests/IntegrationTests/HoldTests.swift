// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import FoundationEssentials
import Glibc
import LinuxSystem
import Testing

extension Integration {
    /// The kernel module martlet-hold, seen at the lines that stand for the devices' clocks, supplies, power domains
    /// and resets.
    @Suite(.onEmulatedHost)
    struct HoldTests {
        /// Clocks 0 and 1, supplies 2 and 3, power domains 4 and 5, resets 7 and 8, and 9, which is a GPIO.
        private static let all = [0, 1, 2, 3, 4, 5, 7, 8, 9]
        private static let allHeld =
            "\(HoldModule.needy) supplies=2 power-domains=2 clocks=3 resets=3/3"

        private func expectRefusal(
            _ number: CInt, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
        ) {
            #expect(throws: Errno(rawValue: number), sourceLocation: sourceLocation, performing: body)
        }

        @Test func `what VFIO leaves off is on while the device is held`() throws {
            try HoldModule.makeDevicesWhole()
            try HostDevices.bind(HoldModule.needy)
            HoldModule.expectOn([], "with VFIO, without the module")
            try HoldModule.whileLoaded {
                try HoldModule.hold(HoldModule.needy)
                HoldModule.expectOn(Self.all)
                #expect(HoldModule.held == [Self.allHeld])
                try HostDevices.unbind(HoldModule.needy)
                HoldModule.expectOn(Self.all, "without a driver")
                try HostDevices.bind(HoldModule.needy)
                HoldModule.expectOn(Self.all, "with VFIO again")
                try HoldModule.release(HoldModule.needy)
                HoldModule.expectOn([], "released")
                #expect(HoldModule.held == [])
            }
        }

        /// The driver core attaches the power domain to the device itself.
        @Test func `a single power domain that goes off under VFIO is on while the device is held`() throws {
            try HoldModule.whileLoaded {
                try HostDevices.bind(HoldModule.single)
                HoldModule.expectOn([], "with VFIO")
                try HoldModule.hold(HoldModule.single)
                HoldModule.expectOn([1, 6, 8])
                #expect(HoldModule.held == ["\(HoldModule.single) supplies=0 power-domains=1 clocks=1 resets=1/1"])
                try HostDevices.unbind(HoldModule.single)
                HoldModule.expectOn([1, 6, 8], "without a driver")
                try HostDevices.bind(HoldModule.single)
                try HoldModule.release(HoldModule.single)
                HoldModule.expectOn([], "released")
            }
        }

        @Test func `what two devices share stays on until both are released`() throws {
            try HoldModule.whileLoaded {
                try HoldModule.hold(HoldModule.needy)
                try HoldModule.hold(HoldModule.single)
                HoldModule.expectOn([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
                #expect(HoldModule.held.count == 2)
                try HoldModule.release(HoldModule.needy)
                HoldModule.expectOn([1, 6, 8])
                try HoldModule.release(HoldModule.single)
                HoldModule.expectOn([])
            }
        }

        @Test func `a reset that the kernel's reset-gpio driver has is held`() throws {
            try HoldModule.whileLoaded {
                try HoldModule.hold(HoldModule.resetOnly)
                HoldModule.expectOn([10])
                try HoldModule.release(HoldModule.resetOnly)
                HoldModule.expectOn([])
            }
        }

        @Test func `a hold that fails leaves everything off`() throws {
            try HoldModule.whileLoaded {
                for device in HoldModule.unprovided {
                    expectRefusal(ENXIO) { try HoldModule.hold(device) }
                    HoldModule.expectOn([], device)
                    #expect(HoldModule.held == [])
                }
                // What is held already stays.
                try HoldModule.hold(HoldModule.needy)
                for device in HoldModule.unprovided { expectRefusal(ENXIO) { try HoldModule.hold(device) } }
                HoldModule.expectOn(Self.all)
                expectRefusal(EBUSY) { try HoldModule.hold(HoldModule.needy) }
                HoldModule.expectOn(Self.all, "held once, asked for twice")
                try HoldModule.release(HoldModule.needy)
                HoldModule.expectOn([])
                expectRefusal(ENOENT) { try HoldModule.release(HoldModule.needy) }
                for name in ["\n", "nothing.here", String(repeating: "x", count: 4000)] {
                    expectRefusal(ENODEV) { try HoldModule.hold(name) }
                    expectRefusal(ENOENT) { try HoldModule.release(name) }
                }
                // A platform device that is not from the device tree.
                expectRefusal(EOPNOTSUPP) { try HoldModule.hold("reg-dummy") }
                #expect(HoldModule.held == [])
            }
        }

        @Test func `a device is held until it is released, whatever becomes of who asked`() throws {
            try HoldModule.whileLoaded {
                let command = "echo \(HoldModule.needy) > \(HoldModule.folder)/hold; kill -9 $$"
                let process = try MartletProcess(["-c", command], program: "/bin/sh")
                #expect(try process.waitForEnd() == 256 + Int(SIGKILL))
                HoldModule.expectOn(Self.all)
                #expect(HoldModule.held == [Self.allHeld])
                try HoldModule.release(HoldModule.needy)
                HoldModule.expectOn([])
            }
        }

        @Test func `the module's end releases all`() throws {
            try HoldModule.whileLoaded {
                try HostDevices.bind(HoldModule.needy)
                for device in [HoldModule.needy, HoldModule.single, HoldModule.resetOnly] {
                    try HoldModule.hold(device)
                }
                HoldModule.expectOn(Self.all.prefix(6) + [6] + Self.all.suffix(3) + [10])
            }
            HoldModule.expectOn([], "unloaded")
            let devices = try FileManager.default.contentsOfDirectory(atPath: "/sys/devices")
            #expect(devices.filter { $0.contains("hold") } == [])
        }

        @Test func `a device that goes away is released`() throws {
            try HoldModule.whileLoaded {
                let driver = "/sys/bus/platform/drivers/martlet-bus"
                try HoldModule.hold(HoldModule.removable)
                HoldModule.expectOn([0])
                try Host.write(HoldModule.bus, to: "\(driver)/unbind")
                HoldModule.expectOn([], "gone")
                #expect(HoldModule.held == [])
                expectRefusal(ENODEV) { try HoldModule.hold(HoldModule.removable) }
                try Host.write(HoldModule.bus, to: "\(driver)/bind")
                try HoldModule.hold(HoldModule.removable)
                HoldModule.expectOn([0], "there again")
            }
        }

        /// Such a driver asks for them itself. A simulated line that nobody has any more falls back to its pull: off.
        @Test func `a driver that may want the resets finds them free`() throws {
            try HoldModule.whileLoaded {
                let folder = HostDevices.folder(HoldModule.needy)
                try HoldModule.hold(HoldModule.needy)
                try Host.write("uio_pdrv_genirq\n", to: "\(folder)/driver_override")
                try Host.write(HoldModule.needy, to: "/sys/bus/platform/drivers_probe")
                #expect(HostDevices.driver(of: HoldModule.needy) == "uio_pdrv_genirq")
                #expect(
                    HoldModule.held == ["\(HoldModule.needy) supplies=2 power-domains=2 clocks=3 resets=1/3"])
                HoldModule.expectOn(Self.all.dropLast(), "the shared one is held on, the other one left as it is")
                try HostDevices.unbind(HoldModule.needy)
                #expect(HoldModule.held == [Self.allHeld])
                HoldModule.expectOn(Self.all)
                try HoldModule.release(HoldModule.needy)
                HoldModule.expectOn([], "as it was before the first")
                // Held while such a driver has it: its resets wait for the driver to go.
                try Host.write(HoldModule.needy, to: "/sys/bus/platform/drivers_probe")
                try HoldModule.hold(HoldModule.needy)
                #expect(
                    HoldModule.held == ["\(HoldModule.needy) supplies=2 power-domains=2 clocks=3 resets=0/3"])
                HoldModule.expectOn(Array(Self.all.prefix(6)))
                try HostDevices.unbind(HoldModule.needy)
                try Host.write("\n", to: "\(folder)/driver_override")
                #expect(HoldModule.held == [Self.allHeld])
                HoldModule.expectOn(Self.all)
            }
        }

        // MARK: With martlet

        @discardableResult
        private func martlet(
            _ arguments: [String], _ options: MartletProcess.Options = .init(), status: Int = 0,
            sourceLocation: SourceLocation = #_sourceLocation
        ) throws -> MartletProcess {
            let process = try MartletProcess(arguments, options)
            #expect(
                try process.waitForEnd() == status, "\(arguments): \(process.transcript)",
                sourceLocation: sourceLocation)
            return process
        }

        @Test func `bind holds, release lets go, and a monitor that crashes in between changes nothing`() throws {
            let device = HoldModule.needy
            try martlet(["bind", device])
            HoldModule.expectOn([], "without the module")
            #expect(try !martlet(["devices", device]).output.contains("held:"))
            try martlet(["release", device])
            try HoldModule.whileLoaded {
                #expect(try martlet(["devices", device]).output.contains("\n  held: no; "))
                try martlet(["bind", "--no-hold", device])
                HoldModule.expectOn([], "against the user's wish")
                try martlet(["bind", device])
                HoldModule.expectOn(Self.all, "bound already")
                #expect(try martlet(["devices", device]).output.contains("\n  held: supplies=2 power-domains=2 "))
                let record = try martlet(["devices", "--json", device]).output
                #expect(record.contains(#""held" : "supplies=2 power-domains=2 "#))
                var given = GuestConfiguration.Device(device)
                given.dma = "none"
                let guest = try Guest(.flat("spin", devices: [given]))
                try guest.process.waitForOutput("A")
                guest.process.signal(SIGKILL)
                #expect(try guest.process.waitForEnd() == 256 + Int(SIGKILL))
                HoldModule.expectOn(Self.all, "after the crash")
                try martlet(["release", device])
                HoldModule.expectOn([], "released")
                #expect(HoldModule.held == [])
            }
        }

        /// The whole of it as a user has it: a driver of the host that needs all, `bind`, and what becomes of it.
        @Test func `bind notes what goes off, and run refuses the device until it is held or that is allowed`() throws {
            let device = HoldModule.needy
            let record = "/run/martlet/host-records/\(device)"
            let folder = HostDevices.folder(device)
            let used = [0, 1, 2, 3, 4, 5, 7]
            func withDriver(_ body: () throws -> Void) throws {
                try Host.write("martlet-user\n", to: "\(folder)/driver_override")
                try Host.write(device, to: "/sys/bus/platform/drivers_probe")
                #expect(HostDevices.driver(of: device) == "martlet-user")
                HoldModule.expectOn(used, "with its driver")
                let result = Result { try body() }
                #expect(HostDevices.driver(of: device) == "martlet-user")
                try HostDevices.unbind(device)
                try Host.write("\n", to: "\(folder)/driver_override")
                try result.get()
            }
            func run(_ change: (inout GuestConfiguration.Device) -> Void = { _ in }) throws -> Guest {
                var given = GuestConfiguration.Device(device)
                given.dma = "none"
                change(&given)
                return try Guest(.flat("poweroff", devices: [given]))
            }
            try HoldModule.makeDevicesWhole()
            try withDriver {
                // While its driver has it, the kernel says so itself.
                let before = try martlet(["devices", device]).output
                #expect(before.contains("\n  has clock core: lines-clock-core, 24000000 Hz, on\n"), "\(before)")
                try martlet(["bind", device])
                HoldModule.expectOn([], "without the module")
                let text = try martlet(["devices", device]).output
                for line in [
                    "had clock core: lines-clock-core, 24000000 Hz, on",
                    "had clock bus: lines-clock-bus, 24000000 Hz, on",
                    "had clock gate: lines-gate, 24000000 Hz, on",
                    "had supply io: lines-io, 1800000 µV, on", "had supply main: lines-main, 3300000 µV, on",
                    "had power domain: line0, on", "had power domain: line1, on",
                ] { #expect(text.contains("\n  \(line)\n"), "\(line) is not in: \(text)") }
                // The rates are the guest's.
                #expect(text.contains("24000000 Hz (noted by martlet bind, from lines-clock-core)"))
                // The kernel can't say it of a clock behind a GPIO that sleeps.
                let off =
                    "clock gate (lines-gate), supply io (lines-io), supply main (lines-main), power domain line1, "
                    + "power domain line0"
                #expect(text.contains("\n    off now: \(off)\n"), "\(text)")
                let refused = try run()
                #expect(try refused.process.waitForEnd() == 1)
                #expect(refused.process.errors.contains("\(device): off now: \(off)\n"), "\(refused.process.errors)")
                #expect(refused.process.errors.contains("run: martlet bind \(device)\n  or set allow_unpowered"))
                let allowed = try run { $0.allowUnpowered = true }
                #expect(try allowed.process.waitForEnd() == 0, "\(allowed.process.transcript)")
                try martlet(["release", device])
                #expect(!Host.exists(record))
            }
            HoldModule.expectOn([], "without a driver")
            try HoldModule.whileLoaded {
                try withDriver {
                    try martlet(["bind", device])
                    #expect(Host.exists(record))
                    HoldModule.expectOn(Self.all, "held")
                    let held = try run()
                    #expect(try held.process.waitForEnd() == 0, "\(held.process.transcript)")
                    try martlet(["release", device])
                }
            }
        }

        /// The block's values come from the kernel's own list of registers, and the guest's writes stay with the guest.
        @Test func `a guest gets a copy of a register block that its device refers to`() throws {
            let device = HoldModule.needy
            try HoldModule.makeDevicesWhole()
            try martlet(["bind", device])
            defer { _ = try? martlet(["release", device]) }
            var given = GuestConfiguration.Device(device)
            given.dma = "none"
            given.deviceTree = .init(syscon: "copy")

            for _ in 0..<2 {
                let result = try Guest.run(.linux("syscon", devices: [given]))
                try expectPowerOff(result)
                #expect(result.line("syscon") == "syscon martlet,block syscon ")
                // PrimeCell RTC (PL031), ARM DDI 0224, 3.3.10: RTCPeriphID0 to 2.
                #expect(result.line("registers") == "registers 0x00000031 0x00000010 0x00000004")
                #expect(result.line("written") == "written 0x12345678")
            }
        }

        /// As on a host that has no debugfs: it is mounted for `bind` alone, and in no place.
        @Test func `bind reads debugfs where it isn't mounted`() throws {
            let device = HoldModule.needy
            try HoldModule.makeDevicesWhole()
            try Host.write("martlet-user\n", to: "\(HostDevices.folder(device))/driver_override")
            try Host.write(device, to: "/sys/bus/platform/drivers_probe")
            let mounts = Host.text("/proc/self/mountinfo")
            try HoldModule.shell("umount /sys/kernel/debug")
            defer {
                try? HoldModule.shell("mount -t debugfs none /sys/kernel/debug")
                try? HostDevices.unbind(device)
                try? Host.write("\n", to: "\(HostDevices.folder(device))/driver_override")
            }
            let bare = Host.text("/proc/self/mountinfo")
            #expect(bare != mounts && !bare.contains("debugfs"))
            try martlet(["bind", device])
            #expect(Host.text("/proc/self/mountinfo") == bare)
            let record = Host.text("/run/martlet/host-records/\(device)")
            #expect(record.contains("clock\tlines-clock-core\t=core\t24000000\ton"), "\(record)")
            var given = GuestConfiguration.Device(device)
            given.dma = "none"
            let guest = try Guest(.flat("poweroff", devices: [given]))
            #expect(try guest.process.waitForEnd() == 1)
            #expect(guest.process.errors.contains("off now: clock gate (lines-gate)"), "\(guest.process.errors)")
            try martlet(["release", device])
        }

        /// Nothing drops between the driver's going and VFIO's coming, nor on the way back.
        @Test func `a bind or release that is killed anywhere leaves the device held or released for good`() throws {
            let device = HoldModule.needy
            try HoldModule.whileLoaded {
                for command in ["bind", "release"] {
                    var changes = 0
                    while true {
                        if command == "release" { try martlet(["bind", device]) }
                        let gate = Gate(judgeOfChanges: { change in
                            if HostDevices.driver(of: device) == nil, !HoldModule.held.isEmpty {
                                #expect(HoldModule.on == Self.all, "before change \(change) of \(command)")
                            }
                            return change < changes ? .goOn : .kill
                        })
                        let process = try MartletProcess([command, device], .init(gate: gate))
                        let status = try process.waitForEnd()
                        if changes % 2 == 0 {
                            try martlet(["bind", device])
                            HoldModule.expectOn(Self.all, "bound after \(command) was killed before \(changes)")
                        }
                        try martlet(["release", device])
                        HoldModule.expectOn([], "released after \(command) was killed before \(changes)")
                        #expect(HoldModule.held == [])
                        if status == 0 { break }
                        try #require(status == 256 + Int(SIGKILL), "\(process.transcript)")
                        changes += 1
                    }
                    #expect(changes >= 5)
                }
            }
        }

        @Test func `a device that can't be held isn't bound without a word for it`() throws {
            try HoldModule.whileLoaded {
                let device = HoldModule.unprovided[0]
                let errors = try martlet(["bind", device], status: 1).errors
                #expect(errors.contains("/sys/devices/martlet-hold/hold: ENXIO (No such device or address)"))
                #expect(errors.contains("martlet bind --no-hold \(device)"))
                #expect(HostDevices.driver(of: device) == nil)
                HoldModule.expectOn([])
            }
        }

        @Test func `a hundred holds and releases leave no use behind`() throws {
            let files = ["clk/clk_summary", "regulator/regulator_summary", "pm_genpd/pm_genpd_summary", "gpio"]
            func uses() -> [String] {
                files.map { Host.text("/sys/kernel/debug/\($0)") }
                    + [Host.text("/sys/module/lines/refcnt"), Host.text("/sys/module/martlet_hold/refcnt")]
            }
            try HoldModule.whileLoaded {
                HoldModule.expectOn([])
                let before = uses()
                #expect(before.allSatisfy { !$0.isEmpty })
                var during: [String] = []
                for round in 0..<100 {
                    try HoldModule.hold(HoldModule.needy)
                    try HoldModule.hold(HoldModule.single)
                    if round == 0 { during = uses() }
                    if round == 99 { #expect(uses() == during) }
                    for device in HoldModule.unprovided { expectRefusal(ENXIO) { try HoldModule.hold(device) } }
                    try HoldModule.release(HoldModule.needy)
                    try HoldModule.release(HoldModule.single)
                }
                HoldModule.expectOn([])
                #expect(uses() == before)
                #expect(during[0] != before[0] && during[1] != before[1] && during[2] != before[2])
            }
        }
    }
}
