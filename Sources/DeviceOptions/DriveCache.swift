// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// What a drive does for the guest's data to survive a crash of the host; the words are the configuration's and
/// Firecracker's.
public enum DriveCache: String, CaseIterable, Sendable {
    /// The guest can't have its data written to the disk: it is there when the host wants.
    case unsafe = "Unsafe"
    /// What the guest flushes is on the disk when its flush returns.
    case writeback = "Writeback"
}
