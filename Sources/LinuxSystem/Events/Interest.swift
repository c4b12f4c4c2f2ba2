// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// What of a descriptor is waited for, and what of it is ready.
public struct Interest: OptionSet, Sendable {
    /// A bit for each.
    public let rawValue: UInt32

    /// What has these bits.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// A read finds bytes, an event, the end or an error.
    public static let read = Interest(rawValue: 1)
    /// A write finds room or an error.
    public static let write = Interest(rawValue: 2)
    /// The other side writes no more. An error, and the end of the other side, are always reported.
    public static let hangUp = Interest(rawValue: 4)
}
