// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem

/// A device's region in this process's address space. It keeps the device open, and is unmapped when it goes.
public final class VFIORegionMapping: Sendable {
    /// What is mapped.
    public let region: VFIORegion
    /// Whose it is.
    public let device: VFIODevice
    /// Where it is. Who keeps it longer than this object keeps the mapping, but not `device`. Nil only while this
    /// object goes.
    public var memory: MemoryMapping? { mapped.object }
    private let mapped: Share<MemoryMapping>

    init(region: VFIORegion, memory: MemoryMapping, device: VFIODevice) {
        self.region = region
        self.device = device
        mapped = Share(memory)
    }

    /// Before its share of the device goes.
    deinit { mapped.release() }
}
