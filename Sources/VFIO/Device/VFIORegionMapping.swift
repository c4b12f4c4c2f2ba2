// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem

/// A device's region in this process's address space.
///
/// It keeps the device open, and unmaps the region in its `deinit`.
public final class VFIORegionMapping: Sendable {
    /// The region that is mapped.
    public let region: VFIORegion
    /// The device of the region.
    public let device: VFIODevice
    /// The mapped memory. A share of it that outlives this object keeps the mapping, but not `device`. Nil only during
    /// `deinit`.
    public var memory: MemoryMapping? { mapped.object }
    private let mapped: Share<MemoryMapping>

    init(region: VFIORegion, memory: MemoryMapping, device: VFIODevice) {
        self.region = region
        self.device = device
        mapped = Share(memory)
    }

    /// Unmapped before its share of the device is released.
    deinit { mapped.release() }
}
