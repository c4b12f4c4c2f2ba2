// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Owns resources and lets go of them newest first, on every way out.
///
/// Declare it before the locals that share its resources: locals go first, so the stack's is the last reference.
public struct ResourceStack: ~Copyable, Sendable {
    private var resources: [any AnyObject & Sendable] = []

    /// An empty stack.
    public init() {}

    /// Takes a share of `resource`; it is let go of before everything kept earlier.
    @discardableResult
    public mutating func keep<Resource: AnyObject & Sendable>(_ resource: Resource) -> Resource {
        resources.append(resource)
        return resource
    }

    /// Lets go of everything now.
    public mutating func releaseAll() {
        while resources.popLast() != nil {}
    }

    deinit {
        var remaining = resources
        while remaining.popLast() != nil {}
    }
}
