// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// How a device's references to register blocks that several of the host's drivers share (`syscon`) are handled.
public enum RegisterBlocks: String, CaseIterable, Sendable {
    /// They are left out, unless the block is passed through too.
    case none
    /// The guest gets copies of the blocks in memory, with the current values of the host's blocks.
    case copy
}
