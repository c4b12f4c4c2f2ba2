// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// How a device is reset: when it is opened, between two guests, and at the end.
public enum DeviceReset: Equatable, Sendable {
    /// By VFIO where the host's kernel can; else by the recipe that Martlet has for the device's `compatible`; else
    /// not.
    case automatic
    /// Not by Martlet.
    case none
    /// By these steps, in this order.
    case steps([ResetStep])

    /// How many steps there may be.
    public static var stepLimit: Int { 64 }
    /// How long a reset may take in all, in milliseconds.
    public static var limitMilliseconds: Int { 10_000 }
}
