// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Testing

extension Integration {
    /// Loads and stores on trapped regions that the CPU doesn't describe to KVM.
    @Suite(.onEmulatedHost)
    struct LoadStoreTests {
        /// The guest knows what each form must give, and says which didn't.
        @Test func everyFormWorksAndTheOthersAreAborted() throws {
            let result = try Guest.run(
                .flat(
                    "loadstore", devices: [.init(HostDevices.gpio, isTrapped: true, guestAddress: "0x7ffff000")]))

            #expect(result.status == 0, "\(result.errors)")
            let lines = result.output.split(separator: "\n").map(String.init)
            #expect(
                lines == [
                    "loadstore: 1816 forms ok", "abort taken: ldxr w0, [x5]", "abort taken: ldaxp x0, x1, [x5]",
                    "abort taken: ld1 {v0.4s}, [x5]", "abort taken: ldp w0, w1, [x5]",
                    "abort taken: stp w0, w1, [x5, #-8]!",
                ])
            // Each abort is logged with the instruction and where it is.
            let logged = result.errors.split(separator: "\n").filter { $0.contains("data abort for the guest") }
            #expect(logged.count == 5 && logged.allSatisfy { $0.contains("pc 0x8000") }, "\(result.errors)")
            #expect(logged.first?.contains("instruction 0x885f7ca0: an exclusive load or store") == true)
            let exits = try result.report.exits
            // Five times the forms with write-back, of pairs and of vectors; the rest KVM decodes itself.
            #expect(exits.nisvEmulated > 1200 && exits.nisvAborted == 5)
            let region = try #require(try result.report.device(HostDevices.gpio)?.regions.first)
            #expect(region.access == "trapped")
            try expectUsable(HostDevices.gpio)
        }
    }
}
