// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Synchronization

/// A file descriptor with one owner: it is closed by `close`, or else when the owner goes.
///
/// An owner of several things calls `close` in its `deinit`, which so names the order in which they go.
public struct OwnedDescriptor: ~Copyable, Sendable {
    /// The number, for the calls that take one. It is valid until `close`.
    public let rawValue: CInt
    let system: any SystemCalls
    private let isFile: Bool
    private let isOpen = Atomic<Bool>(true)

    /// Takes over `rawValue`, which nobody else may close.
    /// - Parameter isFile: it is of a file system that may answer close(2) with any error. A descriptor that isn't one
    ///   ends the process when it was closed by somebody else.
    public init(adopting rawValue: CInt, of system: any SystemCalls, isFile: Bool = false) {
        self.rawValue = rawValue
        self.system = system
        self.isFile = isFile
    }

    /// Closes it now. A second call does nothing. Call it when no other thread can use the number any more.
    public func close() {
        guard isOpen.exchange(false, ordering: .acquiringAndReleasing) else { return }
        if isFile { try? system.closeFile(rawValue) } else { system.close(rawValue) }
    }

    deinit { close() }
}
