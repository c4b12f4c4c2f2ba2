// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The paths that were set up so far. They are disconnected newest first, unless `take` was called.
struct PathList: ~Copyable {
    private(set) var paths: [any InterruptPath] = []

    var eventFDPath: EventFDPath? { paths.lazy.compactMap { $0 as? EventFDPath }.first }

    mutating func append(_ path: any InterruptPath) { paths.append(path) }

    mutating func take() -> [any InterruptPath] {
        let result = paths
        paths = []
        return result
    }

    deinit { for path in paths.reversed() { path.disconnect() } }
}
