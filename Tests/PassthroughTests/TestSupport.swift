// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceTree
import HostDevices
import KVM
import KernelFakes
import LinuxSystem
import PlatformBus
import Synchronization
import Testing
import VFIO

@testable import Passthrough

/// A fake host with /dev/kvm, a VM on it, and a platform bus of 256 MiB at 0xC000000.
struct Host {
    let kernel = FakeKernel()
    let bus: BusMap
    let log = LogLines()
    /// Not the fake's: its set-up isn't what these tests are about.
    let loop: EventLoop

    init() throws {
        loop = try EventLoop()
        bus = BusMap(
            windows: [try #require(GuestRange(base: GuestAddress(0x0C00_0000), size: 0x1000_0000))], spiCount: 960)
        kernel.withState { state in
            state.devices.insert("/dev/kvm")
            state.kvm.capabilities[165] = 40  // KVM_CAP_ARM_VM_IPA_SIZE
        }
        setNode("", ["#address-cells": .cell(2), "#size-cells": .cell(2)])
        setNode("/soc", ["#address-cells": .cell(2), "#size-cells": .cell(2), "ranges": .empty])
    }

    var sysfs: Sysfs { Sysfs(system: kernel) }

    func makeVM() throws -> VirtualMachine {
        try VirtualMachine(try Hypervisor(calls: kernel), addressBits: 40)
    }

    /// Puts properties into the host's device tree, at a path such as "/soc/uart@1000".
    func setNode(_ path: String, _ properties: KeyValuePairs<String, PropertyValue>) {
        kernel.setNode(path, properties)
    }

    /// Adds a device whose node is /soc/NAME.
    func add(
        _ name: String, bus: HostDevice.Bus = .platform, group: Int = 7, isNoIOMMU: Bool = false,
        regions: [FakeVFIODevice.Region] = [.init()], interrupts: [FakeVFIODevice.Interrupt] = [.level],
        flags: VFIODeviceInfo.Flags = [.platform, .reset], lines: [String] = [], file: Int? = nil,
        properties: [String: PropertyValue] = ["compatible": .string("test,device")]
    ) {
        var device = FakeVFIODevice(flags: flags, regions: regions, interrupts: interrupts)
        device.interruptLines = lines
        kernel.addHostDevice(
            name, bus: bus, group: group, isNoIOMMU: isNoIOMMU, vfio: device, file: file,
            properties: properties.mapValues(\.bytes))
    }

    /// Puts a device behind an IOMMU, as sysfs shows it.
    func setIOMMU(of name: String, _ iommu: String, driver: String = "arm-smmu-v3") {
        kernel.withState { state in
            let folder = "/sys/devices/platform/\(name)/iommu/device"
            state.links[folder] = "../../../../../\(iommu)"
            state.links["\(folder)/driver"] = "../../../bus/platform/drivers/\(driver)"
            state.files["\(folder)/of_node/#iommu-cells"] = PropertyValue.cell(1).bytes
        }
    }

    func open(_ settings: PlacedDevice.Settings...) throws(PassthroughError) -> PlacedDevices {
        try PlacedDevices(settings, calls: kernel, bus: bus, sysfs: sysfs, log: log.log)
    }

    /// The journal's lines from the first that begins with `first`, save for reads of files.
    func journal(from first: String) -> [String] {
        Array(kernel.journal.map(\.description).drop { !$0.hasPrefix(first) })
    }
}

/// What was logged.
final class LogLines: Sendable {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }
    var log: Log {
        Log(threshold: .info) { [self] level, text in lines.withLock { $0.append("\(level): \(text)") } }
    }
}

/// The error that `body` throws.
func passthroughError(_ body: () throws(PassthroughError) -> some Any) -> PassthroughError? {
    do throws(PassthroughError) {
        _ = try body()
        return nil
    } catch { return error }
}
