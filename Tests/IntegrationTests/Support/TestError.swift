// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Why a test can't continue.
struct TestError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
