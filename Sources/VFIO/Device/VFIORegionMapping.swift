// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem

/// A device's region in this process's address space. It keeps the device open, and is unmapped when it goes.
public final class VFIORegionMapping: Sendable {
    /// What is mapped.
    public let region: VFIORegion
    /// Where it is. Who keeps it longer than this object keeps the mapping, but not `device`.
    /// Declared before the device, so that it is unmapped first: stored properties go in the order of declaration.
    public let memory: MemoryMapping
    /// Whose it is.
    public let device: VFIODevice

    init(region: VFIORegion, memory: MemoryMapping, device: VFIODevice) {
        self.region = region
        self.memory = memory
        self.device = device
    }
}
