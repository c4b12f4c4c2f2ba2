// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// A property: a name and its value.
/// - SeeAlso: Devicetree Specification v0.4, 2.2.4
public struct Property: Equatable, Sendable {
    /// The name, with "#" or a vendor's prefix if it has one.
    public var name: String
    /// The value; `.empty` for a boolean property, which is true if it exists.
    public var value: PropertyValue

    /// A property called `name`.
    public init(_ name: String, _ value: PropertyValue) {
        self.name = name
        self.value = value
    }
}
