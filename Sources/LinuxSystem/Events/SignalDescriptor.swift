// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// Signals as a readable descriptor (signalfd(2)).
///
/// They are blocked in the thread that creates it, and in all threads that this thread starts.
public final class SignalDescriptor: Sendable {
    private let descriptor: OwnedDescriptor
    /// The number, for an event loop.
    public var rawValue: CInt { descriptor.rawValue }

    /// - Throws: the errors of signalfd(2).
    public init(signals: [CInt], of system: any SystemCalls = LinuxKernel()) throws(Errno) {
        descriptor = OwnedDescriptor(adopting: try system.createSignalDescriptor(signals), of: system)
    }

    /// Takes a signal that has arrived and returns its number; nil when there is none.
    public func take() -> CInt? { descriptor.system.takeSignal(from: rawValue) }
}
