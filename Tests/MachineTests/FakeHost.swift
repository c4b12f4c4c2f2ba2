// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Configuration
import Console
import DeviceOptions
import DeviceTree
import Glibc
import HostDevices
import KVM
import KernelFakes
import LinuxSystem
import PlatformBus
import Synchronization
import Testing
import VFIO

@testable import Machine

/// A fake ARM host with KVM, /Image and /initrd, on which whole machines are built.
struct FakeHost {
    let kernel = FakeKernel()
    let log = LogLines()

    init(addressBits: Int = 40) {
        kernel.withState { state in
            state.devices.insert("/dev/kvm")
            state.kvm.capabilities[165] = addressBits  // KVM_CAP_ARM_VM_IPA_SIZE
            state.kvm.capabilities[66] = 512  // KVM_CAP_MAX_VCPUS
            state.files["/Image"] = arm64Image(fileSize: 0x8_0000, imageSize: 0x10_0000)
            state.files["/initrd"] = [UInt8](repeating: 0x1D, count: 5000)
            state.files["/sys/firmware/devicetree/base/#address-cells"] = PropertyValue.cell(2).bytes
            state.files["/sys/firmware/devicetree/base/#size-cells"] = PropertyValue.cell(2).bytes
            state.files["/sys/firmware/devicetree/base/soc/#address-cells"] = PropertyValue.cell(2).bytes
            state.files["/sys/firmware/devicetree/base/soc/#size-cells"] = PropertyValue.cell(2).bytes
            state.files["/sys/firmware/devicetree/base/soc/ranges"] = []
        }
        kernel.addFile("/proc/meminfo", "MemTotal: 9000000 kB\nMemAvailable:    8000000 kB\nSwapFree: 0 kB\n")
        kernel.addFile("/proc/interrupts", "      CPU0\n 11:  9  GICv3 27 Level  arch_timer\n")
    }

    /// Adds a device with one region and one interrupt, and a node of its own.
    func add(
        _ name: String, bus: HostDevice.Bus = .platform, group: Int = 7, isNoIOMMU: Bool = false,
        regions: [FakeVFIODevice.Region] = [.init()], interrupts: [FakeVFIODevice.Interrupt] = [.level],
        flags: VFIODeviceInfo.Flags = [.platform, .reset], file: Int? = nil,
        properties: [String: PropertyValue] = ["compatible": .string("test,device")]
    ) {
        kernel.addHostDevice(
            name, bus: bus, group: group, isNoIOMMU: isNoIOMMU,
            vfio: FakeVFIODevice(flags: flags, regions: regions, interrupts: interrupts), file: file)
        // "9010000.pl031" is what Linux calls the device of pl031@9010000.
        let parts = name.split(separator: ".")
        let node = parts.count == 2 ? "\(parts[1])@\(parts[0])" : name
        kernel.withState { state in
            state.links["/sys/devices/platform/\(name)/of_node"] = "../../../firmware/devicetree/base/soc/\(node)"
            for (property, value) in properties {
                state.files["/sys/firmware/devicetree/base/soc/\(node)/\(property)"] = value.bytes
            }
        }
    }

    func configuration(
        vcpus: Int = 1, mebibytes: Int = 64, initrd: String? = "/initrd", devices: [PlatformDevice] = []
    ) -> MachineConfiguration {
        MachineConfiguration(
            bootSource: BootSource(
                kernelImagePath: "/Image", initrdPath: initrd, bootArguments: "console=ttyS0 panic=-1"),
            machineSize: MachineConfig(vcpuCount: vcpus, memoryMebibytes: mebibytes), platformDevices: devices)
    }

    func makeHypervisor() throws(KVMError) -> Hypervisor { try Hypervisor(calls: kernel) }

    func makePlan(
        _ configuration: MachineConfiguration, hypervisor: Hypervisor? = nil
    ) throws(MachineError) -> MachinePlan {
        try MachinePlan(configuration, calls: kernel, hypervisor: hypervisor, log: log.log)
    }
}

extension PlatformDevice {
    /// A device by its name.
    static func named(
        _ name: String, at address: DevicePlacement = .automatic, noMmap: Bool = false, dma: VFIODMAMode = .automatic
    ) -> PlatformDevice {
        var device = PlatformDevice(identity: .host(name), noMmap: noMmap, guestAddress: address)
        device.dma = dma
        device.allowsUnsafeDMA = dma == .identity
        return device
    }
}

/// The bytes of a number, the lowest first.
func littleEndian<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    withUnsafeBytes(of: number.littleEndian) { Array($0) }
}

/// An arm64 Image (Documentation/arch/arm64/booting.rst, 4) of `fileSize` bytes whose body is 0xC0 all over.
func arm64Image(
    fileSize: Int = 4096, textOffset: UInt64 = 0, imageSize: UInt64, flags: UInt64 = 0xA,
    magic: [UInt8] = Array("ARMd".utf8)
) -> [UInt8] {
    var image: [UInt8] = littleEndian(UInt32(0x9100_5A4D)) + littleEndian(UInt32(0x1400_0000))
    image += littleEndian(textOffset) + littleEndian(imageSize) + littleEndian(flags)
    image += [UInt8](repeating: 0, count: 24) + magic + littleEndian(UInt32(0))
    return image + [UInt8](repeating: 0xC0, count: max(0, fileSize - image.count))
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
func machineError(_ body: () throws(MachineError) -> some Any) -> MachineError? {
    do throws(MachineError) {
        _ = try body()
        return nil
    } catch { return error }
}

/// A console whose user sees what the guest writes, and types nothing.
final class FakeTerminal {
    let console: GuestConsole
    private let output: DescriptorPair
    private let input: DescriptorPair

    init() throws {
        let output = try DescriptorPair.pipe()
        let input = try DescriptorPair.pipe()
        (self.output, self.input) = (output, input)
        console = try GuestConsole(input: input.user, outputDescriptor: output.console) { _ in }
    }

    var text: String { output.text }

    /// Makes another console on the same terminal, as a session does for each start. The terminal has to outlive it.
    var maker: @Sendable () throws(Errno) -> GuestConsole {
        let (output, input) = (output, input)
        return { () throws(Errno) in
            try GuestConsole(input: input.user, outputDescriptor: output.console) { _ in }
        }
    }

    func type(_ text: String) {
        var text = text
        _ = text.withUTF8 { write(input.console, $0.baseAddress, $0.count) }
    }
}
