// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import CLinux
import Glibc
import LinuxSystem
import Testing

extension Integration {
    /// The host's kernel refuses a step of an interrupt's path: the next path is used, and works, and both `check` and
    /// the report say so. The program is the one that users run; its ioctls are stopped on their way into the kernel.
    @Suite(.onEmulatedHost)
    struct InterruptFallbackTests {
        @Test(arguments: [
            ("KVM_IRQFD", 1, "relay"), ("KVM_IRQFD", 2, "eventfd"), ("SET_IRQS unmask eventfd", 1, "relay"),
            ("SET_IRQS trigger eventfd", 1, "relay"), ("SET_IRQS trigger eventfd", 2, "eventfd"),
            ("SET_IRQS unmask now", 1, "relay"), ("SET_IRQS unmask now", 2, "eventfd"),
        ])
        func `next path is used when a call is refused`(name: String, times: Int, path: String) throws {
            try expectFallback(to: path, "ENOSPC") { .refusing(name, .noSpace, count: times) }
        }

        /// Another holder of the device's file has the line's unmask already: VFIO itself says EBUSY.
        @Test func `unmask that is taken is refused by VFIO`() throws {
            let event = try EventDescriptor(of: LinuxKernel())
            try expectFallback(to: "relay", "EBUSY") {
                var isTaken = false
                return Gate { call in
                    guard call.name == "SET_IRQS unmask eventfd", !isTaken else { return .goOn }
                    isTaken = true
                    let device = try call.take(call.descriptor)
                    let result = clinux_vfio_device_set_irq_eventfd(
                        device.rawValue, 0, UInt32(VFIO_IRQ_SET_ACTION_UNMASK), event.rawValue)
                    return result < 0 ? .fail(Errno(rawValue: -result)) : .goOn
                }
            }
        }

        /// The second device's irqfd is to be signalled by the eventfd that the first one's has: KVM itself says EBUSY,
        /// and the first device loses nothing.
        @Test func `event that is taken is refused by KVM`() throws {
            var events: [Descriptor] = []
            let gate = Gate { call in
                guard call.name == "KVM_IRQFD" else { return .goOn }
                events.append(try call.take(call.event))
                if events.count == 2 { try call.replace(call.event, with: events[0]) }
                return .goOn
            }
            let guest = try RemoteGuest(
                [RemoteGuest.device(HostDevices.rtc), RemoteGuest.device(HostDevices.gpio)], gate: gate)
            try guest.tell("e")

            #expect(try guest.ask("G", "both") == [100, 100])

            let devices = try guest.finish().report.devices
            #expect(devices.flatMap { $0.interrupts.map(\.path) } == ["irqfd", "relay"])
            let reason = try #require(devices.last?.interrupts.first?.reasons.first)
            #expect(reason.hasPrefix("not irqfd: \(HostDevices.gpio)") && reason.contains("EBUSY"), "\(reason)")
        }

        @Test func `error names all three reasons when no path is left`() throws {
            let gate = { Gate.refusing("SET_IRQS trigger eventfd", .noSpace) }
            let folder = try TemporaryFolder()
            let file = try GuestConfiguration.flat("poweroff", devices: [.init(HostDevices.rtc)]).write(to: folder)
            let check = try MartletProcess(["check", file], MartletProcess.Options(gate: gate()))
            #expect(try check.waitForEnd() == 1)
            let errors = try expectRefusal(
                .flat("poweroff", devices: [.init(HostDevices.rtc)]),
                "\(HostDevices.rtc): can't connect interrupt 0 to the guest", options: .init(gate: gate()))
            for text in [check.output + check.errors, errors] {
                for path in ["irqfd", "relay", "eventfd"] {
                    #expect(
                        text.split(separator: "\n").contains { $0.hasPrefix("  \(path): ") && $0.contains("ENOSPC") },
                        "no \(path) in: \(text)")
                }
            }
            try expectUsable(HostDevices.rtc)
        }

        /// `check` and a run, each behind a gate of its own.
        private func expectFallback(to path: String, _ errno: String, _ gate: () -> Gate) throws {
            let device = RemoteGuest.device(HostDevices.rtc, mapTimeout: 2)
            let folder = try TemporaryFolder()
            let file = try GuestConfiguration.flat("remote", devices: [device]).write(to: folder)
            let check = try MartletProcess(["check", file], MartletProcess.Options(gate: gate()))
            #expect(try check.waitForEnd() == 0, "\(check.transcript)")
            #expect(check.output.contains("path \(path)"), "\(check.output)")

            let guest = try RemoteGuest([device], gate: gate())
            try guest.tell("e")
            try guest.expectAlarms()
            let interrupt = try #require(try guest.finish().report.device(HostDevices.rtc)?.interrupts.first)

            #expect(interrupt.path == path)
            let better = ["irqfd", "relay"].prefix { $0 != path }
            #expect(interrupt.reasons.count == better.count)
            for (worse, reason) in zip(better, interrupt.reasons) {
                #expect(reason.hasPrefix("not \(worse): \(HostDevices.rtc)") && reason.contains(errno), "\(reason)")
                #expect(check.output.contains("    \(reason)\n"), "\(check.output)")
            }
        }
    }
}
