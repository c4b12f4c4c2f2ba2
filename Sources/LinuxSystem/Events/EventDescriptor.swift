// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// An eventfd: a counter that one side adds to and the other side waits for (eventfd(2)). Never blocks.
public final class EventDescriptor: Sendable {
    private let descriptor: OwnedDescriptor
    /// The number, for the calls that take one.
    public var rawValue: CInt { descriptor.rawValue }

    /// - Throws: the errors of eventfd(2): EMFILE, ENFILE, ENOMEM.
    public init(of system: any SystemCalls) throws(Errno) {
        descriptor = OwnedDescriptor(adopting: try system.createEventDescriptor(), of: system)
    }

    /// Closes it now, for an owner that doesn't share it and names the order of release.
    func close() { descriptor.close() }

    /// Adds one. A counter at its limit stays there: the event is not lost, only merged.
    public func signal() { descriptor.system.addToCount(of: rawValue) }

    /// Takes the count and resets it; 0 when nothing was signalled.
    public func take() -> UInt64 { descriptor.system.takeCount(of: rawValue) }
}
