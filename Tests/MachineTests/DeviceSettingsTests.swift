// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Configuration
import Testing
import VFIO

@testable import Machine

/// What decides about safety reaches VFIO as it was written.
@Suite struct DeviceSettingsTests {
    @Test func `every dma mode is VFIO's of the same name`() {
        #expect(
            PlatformDevice.DMA.allCases.map { VFIODMAMode($0).rawValue } == PlatformDevice.DMA.allCases.map(\.rawValue))
        #expect(Set(PlatformDevice.DMA.allCases.map(VFIODMAMode.init)).count == VFIODMAMode.allCases.count)
    }

    @Test func `every way to open a device is VFIO's of the same name`() {
        let choices = MachineConfiguration.VFIO.allCases
        #expect(choices.map { VFIOPath($0).rawValue } == choices.map(\.rawValue))
        #expect(Set(choices.map(VFIOPath.init)).count == VFIOPath.allCases.count)
    }
}
