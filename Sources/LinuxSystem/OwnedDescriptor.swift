// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Synchronization

/// A file descriptor with one owner: `close` closes it, or else its destruction.
///
/// An owner of several things calls `close` in its `deinit`, which so names the order of release.
public struct OwnedDescriptor: ~Copyable, Sendable {
    /// The number, for the calls that take one. It is valid until `close`.
    public let rawValue: CInt
    let system: any SystemCalls
    private let isFile: Bool
    private let isOpen = Atomic<Bool>(true)

    /// Takes over `rawValue`, which no other code may close.
    /// - Parameter isFile: whether its file system may answer close(2) with any error. For other descriptors EBADF ends
    ///   the process: other code has closed it.
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
