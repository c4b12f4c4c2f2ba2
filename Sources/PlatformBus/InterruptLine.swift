// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// What the interrupt controller takes for an interrupt.
public enum InterruptTrigger: Sendable, Equatable {
    /// A rising edge.
    case edge
    /// The line being high, for as long as it is.
    case level
}

/// A wire from a device to the guest's interrupt controller. `MicroVM` implements it on KVM; any thread may call it.
public protocol InterruptLine: Sendable {
    /// The interrupt that the wire raises.
    var spi: SPI { get }

    /// Drives a level-triggered line. Setting it to the level that it has already changes nothing.
    func setLevel(_ high: Bool)

    /// Raises an edge-triggered interrupt once.
    func pulse()
}
