// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Testing

extension Integration {
    /// The board's power key, with Linux's own drivers for the GPIO block and the key.
    @Suite struct PowerKeyTests {
        @Test func `Ctrl-A p presses the key, and the guest shuts itself down`() throws {
            let guest = try Guest(.linux("power"))
            try guest.process.waitForOutput("martlet-guest: power ready")

            try guest.process.send("\u{1}p")

            let result = try guest.finish()
            try expectPowerOff(result)
            #expect(result.output.contains("martlet-guest: power driver gpio-keys keys 116\n"))
            #expect(result.output.contains("martlet-guest: power code 116 value 1\n"))
            #expect(result.output.contains("martlet-guest: power code 116 value 0\n"))
        }

        @Test func `a guest without a power key is told so on the console`() throws {
            var configuration = GuestConfiguration.linux("idle")
            configuration.powerKey = false
            let guest = try Guest(configuration)
            try guest.process.waitForOutput("martlet-guest: idle")

            try guest.process.send("\u{1}p")
            try guest.process.waitForErrors("the board has no power key")
            try guest.process.send("\u{1}x")

            #expect(try guest.finish(patience: 20).status == 130)
        }
    }
}
