// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Testing

extension Integration {
    /// Loads and stores on trapped regions that the CPU doesn't describe to KVM.
    @Suite(.onEmulatedHost)
    struct LoadStoreTests {
        /// The guest knows what each form must give, and says which didn't.
        @Test func `every form works and the others are aborted`() throws {
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
            let logged = result.errors.split(separator: "\n").filter { $0.contains("the guest gets a data abort") }
            #expect(logged.count == 5 && logged.allSatisfy { $0.contains("pc 0x8000") }, "\(result.errors)")
            #expect(logged.first?.contains("instruction 0x885f7ca0: an exclusive load or store") == true)
            let exits = try result.report.exits
            // Five times the forms with write-back, of pairs and of vectors; the rest KVM decodes itself.
            #expect(exits.nisvEmulated > 1200 && exits.nisvAborted == 5)
            let device = try #require(try result.report.device(HostDevices.gpio))
            #expect(device.regions.first?.access == "trapped")
            // The aborts were the device's own, and all but the board's clock's of what was emulated.
            #expect(device.nisvAborted == 4 && device.nisvEmulated > 800)
            #expect(device.nisvEmulated < exits.nisvEmulated)
            let line = "  accesses without a syndrome: \(device.nisvEmulated) emulated, 4 answered with a data abort"
            #expect(result.errors.split(separator: "\n").contains { $0 == line }, "\(result.errors)")
            try expectUsable(HostDevices.gpio)
        }

        /// A region that is trapped because it is smaller than a page, and whose registers take 32 bits each.
        @Test func `every form works on a transport`() throws {
            let result = try Guest.run(
                .flat("transport", devices: [.init(HostDevices.isolatedVirtio, guestAddress: "0x7ffff000")]))

            #expect(result.status == 0, "\(result.errors)")
            #expect(
                result.output.split(separator: "\n").map(String.init) == [
                    "transport: 423 forms ok", "abort taken: ldxr w0, [x5]", "abort taken: ldaxp w0, w1, [x5]",
                    "abort taken: swp w0, w1, [x5]", "abort taken: ld1 {v0.4s}, [x5]", "abort taken: ldp x0, x1, [x5]",
                    "abort taken: stp x0, x1, [x5], #16",
                ])
            let device = try #require(try result.report.device(HostDevices.isolatedVirtio))
            #expect(device.regions.first?.access == "trapped" && device.regions.first?.size == 512)
            // Both of those that reach beyond the region have begun inside it.
            #expect(device.nisvEmulated > 200 && device.nisvAborted == 6)
            #expect(try result.report.exits.nisvEmulated == device.nisvEmulated)
            try expectUsable(HostDevices.isolatedVirtio)
        }
    }
}
