// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceOptions

/// What resets a kind of device through its own registers: data, which `RecipeRun` performs.
package struct ResetRecipe: Sendable {
    /// What it does, in order.
    indirect enum Step: Sendable {
        case step(ResetStep)
        /// A poll that may time out: what comes after it stops the device all the same.
        case attempt(ResetStep)
        /// Reads a register, and does what its value asks for. A register whose bits are all ones is one that doesn't
        /// answer.
        case read(ResetStep.Register, @Sendable (UInt64) -> [Step])
    }

    /// How the registers of an 8-bit part are spread out (`reg-offset`, `reg-shift` and `reg-io-width` of its node).
    struct Spread: Equatable, Sendable {
        var offset: UInt64 = 0
        var shift: UInt64 = 0
        /// In bytes.
        var width = 1

        /// The register with this number. No limit is checked: a run refuses what isn't in the region.
        func register(_ number: UInt64) -> ResetStep.Register {
            ResetStep.Register(offset: offset &+ (number << shift), width: width)
        }
    }

    /// The values of `compatible` that it is for.
    package let compatible: [String]
    /// The public document that says what its registers do, with the section.
    let source: String
    let steps: @Sendable (Spread) -> [Step]
}
