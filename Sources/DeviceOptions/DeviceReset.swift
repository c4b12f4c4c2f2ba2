// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// How a device is reset: when it is opened, between two guests, and at the end.
public enum DeviceReset: Equatable, Sendable {
    /// By VFIO, if the host's kernel can reset it; otherwise by Martlet's recipe for the device's `compatible`;
    /// otherwise not at all.
    case automatic
    /// Not at all by Martlet.
    case none
    /// By these steps, in this order.
    case steps([ResetStep])

    /// The largest number of steps.
    public static var stepLimit: Int { 64 }
    /// How long a reset may take in total, in milliseconds.
    public static var limitMilliseconds: Int { 10_000 }
}
