// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceOptions

/// The steps that reset a kind of device through its own registers: data that `RecipeRun` performs.
package struct ResetRecipe: Sendable {
    /// A step; steps are performed in order.
    indirect enum Step: Sendable {
        case step(ResetStep)
        /// A poll that may time out: the steps after it stop the device anyway.
        case attempt(ResetStep)
        /// Reads a register, and performs the steps that its value requires. If all bits of the register are ones, the
        /// device doesn't answer.
        case read(ResetStep.Register, @Sendable (UInt64) -> [Step])
    }

    /// The layout of the registers of an 8-bit device (`reg-offset`, `reg-shift` and `reg-io-width` of its node).
    struct Spread: Equatable, Sendable {
        var offset: UInt64 = 0
        var shift: UInt64 = 0
        /// In bytes.
        var width = 1

        /// The register with this number. The number isn't checked here: a run refuses a register outside the region.
        func register(_ number: UInt64) -> ResetStep.Register {
            ResetStep.Register(offset: offset &+ (number << shift), width: width)
        }
    }

    /// The values of `compatible` that the recipe supports.
    package let compatible: [String]
    /// The public document that describes the registers, with the section.
    let source: String
    let steps: @Sendable (Spread) -> [Step]
}
