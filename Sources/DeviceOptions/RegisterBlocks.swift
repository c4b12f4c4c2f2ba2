// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// What becomes of a device's references to register blocks that several of the host's drivers share (`syscon`).
public enum RegisterBlocks: String, CaseIterable, Sendable {
    /// They are left out, unless the block is passed through as well.
    case none
    /// The guest gets copies of the blocks in memory, with the values that the host's have now.
    case copy
}
