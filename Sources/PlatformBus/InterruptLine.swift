// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The event on its line that the interrupt controller handles as an interrupt.
public enum InterruptTrigger: Sendable, Equatable {
    /// A rising edge.
    case edge
    /// A high level, for as long as it lasts.
    case level
}

/// A line from a device to the guest's interrupt controller.
///
/// `MicroVM` implements it with KVM; any thread may call it.
public protocol InterruptLine: Sendable {
    /// The interrupt of the line.
    var spi: SPI { get }

    /// Drives a level-triggered line.
    ///
    /// Setting the current level again has no effect.
    func setLevel(_ high: Bool)

    /// Raises an edge-triggered interrupt once.
    func pulse()
}
