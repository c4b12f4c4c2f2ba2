// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The events of a descriptor to wait for, or those that are ready.
public struct Interest: OptionSet, Sendable {
    /// One bit for each event.
    public let rawValue: UInt32

    /// The events of these bits.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// A read returns bytes, an event, the end or an error.
    public static let read = Interest(rawValue: 1)
    /// A write finds room or an error.
    public static let write = Interest(rawValue: 2)
    /// The other side has stopped writing. Errors, and the end of the other side, are always reported.
    public static let hangUp = Interest(rawValue: 4)
}
