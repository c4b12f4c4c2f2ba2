// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import PlatformBus

extension SPI {
    /// The cells of this interrupt's specifier.
    ///
    /// They are the kind (0 for an SPI), the number, and the flags (1 for a rising edge, 4 for a high level).
    /// Devicetree binding interrupt-controller/arm,gic-v3.yaml, `#interrupt-cells`.
    public func specifier(_ trigger: InterruptTrigger) -> [UInt32] {
        [0, rawValue, trigger.specifierFlags]
    }
}

extension InterruptTrigger {
    /// The third cell of a GIC's interrupt specifier.
    public var specifierFlags: UInt32 {
        switch self {
        case .edge: 1
        case .level: 4
        }
    }
}
