// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Owns resources and lets go of them newest first, on every way out.
///
/// Declare it before the locals that share its resources: locals go first, so the stack's is the last reference.
public struct ResourceStack: ~Copyable, Sendable {
    /// A resource on the one that was kept before it. Stored properties go in the order of declaration: the resource, and
    /// then what is older.
    private final class Entry: Sendable {
        let resource: any AnyObject & Sendable
        let older: Entry?

        init(_ resource: any AnyObject & Sendable, on older: Entry?) {
            self.resource = resource
            self.older = older
        }
    }

    private var newest: Entry?

    /// An empty stack.
    public init() {}

    /// Takes a share of `resource`; it is let go of before everything kept earlier.
    @discardableResult
    public mutating func keep<Resource: AnyObject & Sendable>(_ resource: Resource) -> Resource {
        newest = Entry(resource, on: newest)
        return resource
    }

    /// Lets go of everything now.
    public mutating func releaseAll() { newest = nil }
}
