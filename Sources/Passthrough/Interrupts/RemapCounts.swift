// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// How often a device's regions were taken from the guest and given back, and how often the kernel refused to take
/// them.
struct RemapCounts: Equatable {
    let unmaps: UInt64
    let maps: UInt64
    let refusedUnmaps: UInt64
}
