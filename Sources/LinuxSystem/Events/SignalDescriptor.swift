// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import SystemPackage

/// Signals as a readable descriptor (signalfd(2)), blocked in the thread that makes it and in all that it starts.
public final class SignalDescriptor: Sendable {
    private let descriptor: OwnedDescriptor
    /// The number, for an event loop.
    public var rawValue: CInt { descriptor.rawValue }

    /// - Throws: what signalfd(2) gives.
    public init(signals: [CInt], of system: any SystemCalls = LinuxKernel()) throws(Errno) {
        descriptor = OwnedDescriptor(adopting: try system.createSignalDescriptor(signals), of: system)
    }

    /// The number of a signal that has arrived, or nil.
    public func take() -> CInt? { descriptor.system.takeSignal(from: rawValue) }
}
