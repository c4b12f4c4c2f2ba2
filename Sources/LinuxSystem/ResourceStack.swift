// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import Synchronization

/// Objects of one kind, oldest first, that are let go of newest first, on every way out.
///
/// Ownership: the list guards itself; an object is let go of without the lock held. Its owner fills it before others
/// read it, so that `all` is whole.
///
/// Inlinable, as the next two, so that no metadata of generic types is made when a guest starts.
public struct OwnedList<Element: Sendable>: ~Copyable, Sendable {
    @usableFromInline let elements: Mutex<[Element]>

    /// - Parameter elements: oldest first.
    @inlinable public init(_ elements: [Element] = []) { self.elements = Mutex(elements) }

    /// What it has, oldest first. Empty once everything was let go of.
    @inlinable public var all: [Element] { elements.withLock { $0 } }

    /// Takes a share of `element`; it is let go of before everything that was added earlier.
    @inlinable public func append(_ element: Element) { elements.withLock { $0.append(element) } }

    /// Lets go of everything now. A second call does nothing.
    @inlinable public func releaseAll() {
        while let newest = elements.withLock({ $0.popLast() }) { _ = consume newest }
    }

    @inlinable deinit { releaseAll() }
}

/// Owns resources of any kind and lets go of them newest first, on every way out.
///
/// Fill it in a function of its own, as an `inout` parameter: the locals there that share its resources end with the
/// function, so that the stack has the last share of each.
public struct ResourceStack: ~Copyable, Sendable {
    @usableFromInline let resources = OwnedList<any AnyObject & Sendable>()

    /// An empty stack.
    @inlinable public init() {}

    /// Takes a share of `resource`; it is let go of before everything kept earlier.
    @inlinable @discardableResult
    public mutating func keep<Resource: AnyObject & Sendable>(_ resource: Resource) -> Resource {
        resources.append(resource)
        return resource
    }

    /// Lets go of everything now. A second call does nothing.
    @inlinable public func releaseAll() { resources.releaseAll() }
}

/// A share of an object that its holder gives up when its turn has come: a `deinit` that calls `release` names the
/// order in which things go.
///
/// Ownership: any thread may ask for the object; only the holder's `deinit` releases it, when no one else has the
/// holder.
public struct Share<Object: AnyObject & Sendable>: ~Copyable, Sendable {
    @usableFromInline let held: Mutex<Object?>

    /// Takes a share of `object`.
    @inlinable public init(_ object: Object?) { held = Mutex(object) }

    /// Nil once the share was given up, and where there was none.
    @inlinable public var object: Object? { held.withLock { $0 } }

    /// Gives the share up. A second call does nothing.
    @inlinable public func release() {
        let last = held.withLock { object in
            let last = object
            object = nil
            return last
        }
        _ = consume last
    }
}
