// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Whether the guest can make sure that its data survives a crash of the host.
///
/// The words are those of the configuration and of Firecracker.
public enum DriveCache: String, CaseIterable, Sendable {
    /// The guest can't flush its data to the disk: the host writes it at some time.
    case unsafe = "Unsafe"
    /// When the guest's flush returns, the flushed data is on the disk.
    case writeback = "Writeback"
}
