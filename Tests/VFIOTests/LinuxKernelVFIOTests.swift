// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import LinuxSystem
import Testing
import VFIO

/// The real kernel's half, as far as a machine without a VFIO device can try it.
@Suite struct LinuxKernelVFIOTests {
    private typealias Call = @Sendable (LinuxKernel, CInt) throws -> Void

    private static let calls: [(name: String, call: Call)] = [
        ("API version", { _ = try $0.vfioAPIVersion($1) }),
        ("check extension", { _ = try $0.vfioSupports($1, .type1v2) }),
        ("set IOMMU", { try $0.vfioSetIOMMU($1, .type1v2) }),
        ("map DMA", { try $0.vfioMapDMA($1, hostAddress: 0x1000, iova: 0, size: 0x1000) }),
        ("unmap DMA", { try $0.vfioUnmapDMA($1, iova: 0, size: 0x1000) }),
        ("group status", { _ = try $0.vfioGroupStatus($1) }),
        ("set container", { try $0.vfioSetContainer($1, $1) }),
        ("unset container", { try $0.vfioUnsetContainer($1) }),
        ("get device", { _ = try $0.vfioDevice($1, named: "device") }),
        ("device info", { _ = try $0.vfioDeviceInfo($1) }),
        ("region info", { _ = try $0.vfioRegionInfo($1, index: 0) }),
        ("interrupt info", { _ = try $0.vfioInterruptInfo($1, index: 0) }),
        ("wire interrupt", { try $0.vfioWireInterrupt($1, index: 0, action: .trigger, event: nil) }),
        ("perform", { try $0.vfioPerform($1, index: 0, action: .unmask) }),
        ("disable interrupt", { try $0.vfioDisableInterrupt($1, index: 0) }),
        ("reset", { try $0.vfioReset($1) }),
    ]

    @Test func `every ioctl passes on the kernels errno`() throws {
        let kernel = LinuxKernel()
        let event = try EventDescriptor(of: kernel)
        for (name, call) in Self.calls {
            // An eventfd knows no ioctl of VFIO's, and -1 is no descriptor at all.
            let unknown = #expect(throws: Errno.self, "\(name)") { try call(kernel, event.rawValue) }
            #expect(unknown == .inappropriateIOCTLForDevice, "\(name)")
            let closed = #expect(throws: Errno.self, "\(name)") { try call(kernel, -1) }
            #expect(closed == .badFileDescriptor, "\(name)")
        }
    }
}
