// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import HostDevices
import KernelFakes
import LinuxSystem
import Testing
import VFIO

/// The whole set-up of a device with the Nth call to the kernel failing, for every N.
@Suite struct VFIOFaultSweepTests {
    /// All that a set-up leaves behind, released in the reverse order of its acquisition.
    private final class SetUp {
        private var held: [AnyObject] = []
        func keep<Object: AnyObject>(_ object: Object) -> Object {
            held.append(object)
            return object
        }
        deinit { while held.popLast() != nil {} }
    }

    /// How the device is opened.
    enum Way: CaseIterable, Sendable { case group, noIOMMU, file, handedIn }

    private func kernel(_ way: Way) -> FakeKernel {
        let kernel = FakeKernel()
        kernel.addHostDevice(
            "dev", group: 7, isNoIOMMU: way == .noIOMMU,
            vfio: FakeVFIODevice(
                regions: [FakeVFIODevice.Region(), FakeVFIODevice.Region(size: 0x200, access: [.read, .write])],
                interrupts: [.level, .edge]),
            file: way == .file || way == .handedIn ? 5 : nil, properties: ["compatible": []])
        kernel.addHostDevice("other", group: 7, driver: "")
        return kernel
    }

    private func setUp(_ kernel: FakeKernel, _ way: Way) throws -> SetUp {
        let setUp = SetUp()
        // A function of its own: what it shares with `setUp` is let go of before `setUp` is, in an optimised build too.
        try fill(setUp, kernel, way)
        return setUp
    }

    private func fill(_ setUp: SetUp, _ kernel: FakeKernel, _ way: Way) throws {
        let isHandedIn = way == .handedIn
        let containers = VFIOContainers(calls: kernel, iommufd: isHandedIn ? kernel.handIn("/dev/iommu") : nil)
        let host = try HostDevice(host: "dev", sysfs: Sysfs(system: kernel))
        let device = setUp.keep(
            try containers.open(
                host, descriptor: isHandedIn ? kernel.handIn("/dev/vfio/devices/vfio5") : nil))
        if device.canReset { try device.reset() }
        for region in device.regions where region.canMap { _ = setUp.keep(try device.map(region)) }
        _ = try device.read(device.regions[1], at: 0, size: 4)
        try device.write(1, to: device.regions[1], at: 4, size: 4)
        for interrupt in device.interrupts {
            let trigger = setUp.keep(try EventDescriptor(of: kernel))
            _ = setUp.keep(try device.setTrigger(interrupt, trigger))
            guard interrupt.isLevel else { continue }
            let resample = setUp.keep(try EventDescriptor(of: kernel))
            _ = setUp.keep(try device.setUnmask(interrupt, resample))
            try device.unmask(interrupt)
        }
        try device.triggerLoopBack(device.interrupts[1])
        for space in containers.guestSpaces {
            _ = try space.limits()
            let memory = setUp.keep(try MemoryMapping(of: 0, size: 0x10000, system: kernel))
            _ = setUp.keep(try space.map(memory, part: 0..<0x10000, iova: 0x8000_0000))
        }
        _ = try kernel.lockedMemoryLimit()
    }

    @Test(arguments: Way.allCases)
    func `every call that fails is named and everything is released`(way: Way) throws {
        let good = kernel(way)
        do {
            let setUp = try setUp(good, way)
            withExtendedLifetime(setUp) { #expect(!good.held.isEmpty) }
        }
        #expect(good.held.isEmpty)
        #expect(good.releasedInReverseOrder, "\(good.journal)")
        let callCount = good.withState { $0.callCount }
        #expect(callCount > 30)

        for number in 1...callCount {
            let kernel = kernel(way)
            kernel.withState { state in
                state.failingCall = number
                state.failure = .ioError
            }
            var error: (any Error)?
            do { _ = try setUp(kernel, way) } catch let thrown { error = thrown }
            let call = try #require(kernel.withState { $0.failedCall })
            #expect(kernel.held.isEmpty, "call \(number), \(call): left \(kernel.held)")
            #expect(kernel.releasedInReverseOrder, "call \(number), \(call): \(kernel.journal)")
            // Without /proc, whose descriptor it is can't be told; the kernel tells in its own way.
            if call.hasPrefix("readlink /proc/self/fd/") { continue }
            check(try #require(error, "call \(number), \(call), failed unnoticed"), names: call)
        }
    }

    private func check(_ error: any Error, names call: String) {
        if call == "eventfd" || call == "mmap ?" || call == "getrlimit" {
            // What VFIO is handed, and doesn't make itself.
            #expect(error as? Errno == .ioError)
            return
        }
        if case .failed(let device, let operation, let errno)? = error as? VFIOError {
            #expect(device == "dev", "\(call): \(error)")
            #expect(operation.description.contains(object(of: call)), "\(call): \(error)")
            #expect(errno == .ioError, "\(call): \(error)")
        } else {
            let unread = HostDeviceError.sysfs(device: "dev", path: object(of: call), errno: .ioError)
            #expect(error as? HostDeviceError == unread, "\(call): \(error)")
        }
    }

    /// What of the fake's name for a call an error has to have: the file, or the kernel's name of the call.
    private func object(of call: String) -> String {
        let words = call.split(separator: " ").map(String.init)
        if words.first == "fcntl" { return "fcntl(F_SETFD)" }
        switch words[0] {
        case "readlink", "list", "stat", "read", "open": return words[1]
        default: return words[0]
        }
    }
}
