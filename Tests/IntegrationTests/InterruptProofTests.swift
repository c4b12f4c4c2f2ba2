// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Testing

extension Integration {
    /// Interrupts that can't be lost or stuck, with the host's own devices, whatever path they take.
    @Suite(.onEmulatedHost)
    struct InterruptProofTests {
        @Test(arguments: InterruptProof.paths) func `every alarm comes`(path: String) throws {
            try InterruptProof.everyAlarmComes(path)
        }

        @Test(arguments: InterruptProof.paths, ["e", "ce"])
        func `line that is high at the start is delivered`(path: String, letters: String) throws {
            try InterruptProof.lineThatIsHighAtTheStartIsDelivered(path, letters: letters)
        }

        /// The calls are the set-up's order, which each path's documentation gives the reasons of.
        @Test(arguments: [
            ("irqfd", ["KVM_IRQFD", "SET_IRQS unmask eventfd", "SET_IRQS unmask now", "SET_IRQS trigger eventfd"]),
            ("relay", ["KVM_IRQFD", "SET_IRQS unmask now", "SET_IRQS trigger eventfd"]),
            ("eventfd", ["KVM_IRQ_LINE", "SET_IRQS unmask now", "SET_IRQS trigger eventfd"]),
        ])
        func `line may go high in each window`(path: String, calls: [String]) throws {
            #expect(try InterruptProof.lineMayGoHighInEachWindow(path) == calls + ["KVM_RUN"])
        }

        @Test(arguments: InterruptProof.paths) func `devices interrupt together`(path: String) throws {
            try InterruptProof.devicesInterruptTogether(path)
            try expectUsable(HostDevices.rtc, HostDevices.gpio, HostDevices.virtio)
        }

        @Test(arguments: InterruptProof.paths) func `disabled interrupt comes once it is enabled`(path: String) throws {
            try InterruptProof.disabledInterruptComesOnceItIsEnabled(path)
        }

        @Test(arguments: InterruptProof.paths) func `reset with a high line loses nothing`(path: String) throws {
            try InterruptProof.resetWithAHighLineLosesNothing(path)
        }

        @Test(arguments: InterruptProof.paths) func `storm leaves the host its time`(path: String) throws {
            let effect = try InterruptProof.storm(path)
            print("storm on \(path): \(effect)")
            expectBearable(effect)
        }

        @Test func `storm is held at its limit`() throws {
            let effect = try InterruptProof.storm("relay", limit: 50)
            print("storm with a limit of 50: \(effect)")
            #expect((5...60).contains(effect.rate), "\(effect)")
            expectBearable(effect)
            try expectUsable(HostDevices.rtc)
        }
    }
}

func expectBearable(_ effect: InterruptProof.StormEffect, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(effect.shell.during < 6 * effect.shell.before + 1, "\(effect)", sourceLocation: sourceLocation)
    #expect(effect.otherVM.during < 6 * effect.otherVM.before + 1, "\(effect)", sourceLocation: sourceLocation)
    #expect(effect.stop < 10, "\(effect)", sourceLocation: sourceLocation)
}
