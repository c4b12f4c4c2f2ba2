// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// How a drive's file is read and written; the words are the configuration's and Firecracker's. Its `Async` isn't here
/// yet.
public enum DriveEngine: String, CaseIterable, Sendable {
    /// By a thread for each queue, which waits for each request.
    case sync = "Sync"
}
