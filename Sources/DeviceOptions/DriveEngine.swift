// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// How a drive's file is read and written.
///
/// The words are those of the configuration and of Firecracker, whose `Async` isn't supported yet.
public enum DriveEngine: String, CaseIterable, Sendable {
    /// By one thread for each queue, which waits for each request.
    case sync = "Sync"
}
