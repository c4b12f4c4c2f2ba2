// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// How long after an interrupt on the eventfd path a device's regions are mapped again.
public enum MapTimeout {
    /// The default in milliseconds; QEMU's VFIO has the same.
    public static var defaultMilliseconds: Int { 1100 }
}
