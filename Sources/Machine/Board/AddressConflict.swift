// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import PlatformBus

/// Two parts of the board whose requested addresses overlap.
public struct AddressConflict: Equatable, Sendable, CustomStringConvertible {
    struct Part: Equatable, Sendable {
        let name: String
        /// The configuration's key that moves it; nil if it can't be moved.
        var key: String?
        let range: GuestRange
    }

    let part: Part
    let owner: Part

    /// Both parts with their ranges, and the keys that move them.
    public var description: String {
        let ownerKey = owner.key.map { " (\($0))" } ?? ""
        return "\(part.key ?? part.name): the \(part.name) at \(part.range) overlaps the \(owner.name)\(ownerKey) at "
            + "\(owner.range)"
    }
}
