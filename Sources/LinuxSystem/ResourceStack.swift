// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import Synchronization

/// Objects of one kind, oldest first, that are released newest first on every way out.
///
/// Ownership: the list has its own lock; an object is released without the lock held. Its owner fills it before others
/// read it, so that `all` is complete.
///
/// Inlinable, like the next two types, so that no metadata of generic types is built when a guest starts.
public struct OwnedList<Element: Sendable>: ~Copyable, Sendable {
    @usableFromInline let elements: Mutex<[Element]>

    /// - Parameter elements: oldest first.
    @inlinable public init(_ elements: [Element] = []) { self.elements = Mutex(elements) }

    /// Its objects, oldest first. Empty after `releaseAll`.
    @inlinable public var all: [Element] { elements.withLock { $0 } }

    /// Takes a share of `element`; it is released before everything that was added earlier.
    @inlinable public func append(_ element: Element) { elements.withLock { $0.append(element) } }

    /// Releases everything now. A second call does nothing.
    @inlinable public func releaseAll() {
        while let newest = elements.withLock({ $0.popLast() }) { _ = consume newest }
    }

    @inlinable deinit { releaseAll() }
}

/// Owns resources of any kind and releases them newest first, on every way out.
///
/// Fill it in a function of its own, as an `inout` parameter: that function's local variables, which share its
/// resources, end with the function, so that the stack has the last share of each.
public struct ResourceStack: ~Copyable, Sendable {
    @usableFromInline let resources = OwnedList<any AnyObject & Sendable>()

    /// An empty stack.
    @inlinable public init() {}

    /// Takes a share of `resource`; it is released before everything that was kept earlier.
    @inlinable @discardableResult
    public mutating func keep<Resource: AnyObject & Sendable>(_ resource: Resource) -> Resource {
        resources.append(resource)
        return resource
    }

    /// Releases everything now. A second call does nothing.
    @inlinable public func releaseAll() { resources.releaseAll() }
}

/// A share of an object that its holder releases explicitly.
///
/// A `deinit` that calls `release` names the order of release.
///
/// Ownership: any thread may read the object; only the holder's `deinit` releases it, when no other code has the
/// holder.
public struct Share<Object: AnyObject & Sendable>: ~Copyable, Sendable {
    @usableFromInline let held: Mutex<Object?>

    /// Takes a share of `object`.
    @inlinable public init(_ object: Object?) { held = Mutex(object) }

    /// The object; nil after `release`, and if there was none.
    @inlinable public var object: Object? { held.withLock { $0 } }

    /// Releases the share. A second call does nothing.
    @inlinable public func release() {
        let last = held.withLock { object in
            let last = object
            object = nil
            return last
        }
        _ = consume last
    }
}
