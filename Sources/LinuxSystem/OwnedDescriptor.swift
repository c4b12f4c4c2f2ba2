// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// A file descriptor with one owner: it is closed when the owner goes.
public struct OwnedDescriptor: ~Copyable, Sendable {
    /// The number, for the calls that take one. It is valid for as long as this value lives.
    public let rawValue: CInt
    private let system: any SystemCalls

    /// Takes over `rawValue`, which nobody else may close.
    public init(adopting rawValue: CInt, of system: any SystemCalls) {
        self.rawValue = rawValue
        self.system = system
    }

    deinit { system.close(rawValue) }
}
