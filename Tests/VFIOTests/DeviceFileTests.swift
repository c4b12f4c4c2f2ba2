// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import HostDevices
import KernelFakes
import LinuxSystem
import Testing
import VFIO

/// Devices opened by their own files and bound to an iommufd.
@Suite struct DeviceFileTests {
    private let kernel = FakeKernel()
    private func host(_ name: String) throws -> HostDevice { try HostDevice(host: name, sysfs: Sysfs(system: kernel)) }

    private func refusal(_ body: () throws -> some Any) -> VFIOError? {
        #expect(throws: VFIOError.self) { _ = try body() }
    }

    @Test func `opens a device by its file and releases all in reverse`() throws {
        kernel.addHostDevice("10000000.edu", group: 3, file: 5)
        let host = try host("10000000.edu")
        #expect(host.deviceFile == "/dev/vfio/devices/vfio5")
        do {
            let containers = VFIOContainers(calls: kernel)
            let device = try containers.open(host)
            #expect(device.canReset)
            #expect(device.reach == .guestMemory)
            #expect(device.group == nil)
            #expect(kernel.name(of: device.kvmFile) == "open /dev/vfio/devices/vfio5")
            #expect(containers.guestSpaces.count == 1)
            let memory = try MemoryMapping(of: 0, size: 0x10000, system: kernel)
            let mapping = try device.addressSpace.map(memory, part: 0x1000..<0x3000, iova: 0x8000_0000)
            #expect(kernel.withState { $0.vfio.addressSpaces } == [1: [0x8000_0000: 0x2000]])
            withExtendedLifetime(mapping) {}
        }
        #expect(
            kernel.journal.filter { !$0.description.contains("mmap") } == [
                .acquire("open /dev/iommu"), .acquire("IOMMU_IOAS_ALLOC 1"), .acquire("open /dev/vfio/devices/vfio5"),
                .call("VFIO_DEVICE_BIND_IOMMUFD"), .acquire("VFIO_DEVICE_ATTACH_IOMMUFD_PT 1"),
                .call("VFIO_DEVICE_GET_INFO"), .call("VFIO_DEVICE_GET_REGION_INFO 0"),
                .call("VFIO_DEVICE_GET_IRQ_INFO 0"), .acquire("IOMMU_IOAS_MAP 0x80000000"),
                .release("IOMMU_IOAS_MAP 0x80000000"), .release("VFIO_DEVICE_ATTACH_IOMMUFD_PT 1"),
                .release("open /dev/vfio/devices/vfio5"), .release("IOMMU_IOAS_ALLOC 1"), .release("open /dev/iommu"),
            ])
    }

    @Test func `devices share one address space and the iommufd`() throws {
        for (number, name) in ["a", "b", "c"].enumerated() {
            kernel.addHostDevice(name, group: number / 2, file: number)
        }
        let containers = VFIOContainers(calls: kernel)
        let devices = try ["a", "b", "c"].map { try containers.open(try host($0)) }
        #expect(kernel.held.filter { $0 == "open /dev/iommu" }.count == 1)
        #expect(kernel.withState { $0.vfio.attached.values.sorted() } == [1, 1, 1])
        #expect(Set(devices.map(\.kvmFile)).count == 3)
    }

    @Test func `a device that is open is refused and taken again afterwards`() throws {
        kernel.addHostDevice("a", file: 0)
        let containers = VFIOContainers(calls: kernel)
        let host = try host("a")
        do {
            let device = try containers.open(host)
            #expect(refusal { try containers.open(host) } == .alreadyOpen(device: "a"))
            withExtendedLifetime(device) {}
        }
        _ = try containers.open(host)
    }

    // MARK: Which way

    @Test func `the group serves where there is no iommufd`() throws {
        kernel.addHostDevice("a", group: 3, file: 0)
        kernel.withState { _ = $0.devices.remove("/dev/iommu") }
        let device = try VFIOContainers(calls: kernel).open(host("a"))
        #expect(device.group?.id == 3)
        #expect(device.reach == .guestMemory)
    }

    @Test func `the group serves where the file is missing`() throws {
        kernel.addHostDevice("a", group: 3, file: 0)
        kernel.withState { _ = $0.devices.remove("/dev/vfio/devices/vfio0") }
        do {
            let device = try VFIOContainers(calls: kernel).open(host("a"))
            #expect(device.group?.id == 3)
            #expect(!kernel.held.contains("open /dev/iommu"))
        }
        #expect(kernel.held.isEmpty)
    }

    @Test func `the group serves where the user may not open the file`() throws {
        kernel.addHostDevice("a", group: 3, file: 0)
        let host = try host("a")
        let before = kernel.withState { $0.callCount }
        // The open of /dev/iommu, the first call.
        kernel.withState { state in
            state.failingCall = before + 1
            state.failure = .permissionDenied
        }
        #expect(try VFIOContainers(calls: kernel).open(host).group?.id == 3)
        #expect(kernel.withState { $0.failedCall } == "open /dev/iommu")
    }

    @Test func `the users choice is final`() throws {
        kernel.addHostDevice("a", group: 3, file: 0)
        #expect(try VFIOContainers(calls: kernel, path: .group).open(host("a")).group?.id == 3)
        kernel.withState { _ = $0.devices.remove("/dev/iommu") }
        #expect(
            refusal { try VFIOContainers(calls: kernel, path: .cdev).open(host("a")) }
                == .failed(device: "a", .openIOMMUFD, .noSuchFileOrDirectory))
        #expect(kernel.held.isEmpty)
    }

    @Test func `a container without the device's files is told which`() throws {
        kernel.addHostDevice("a", group: 3, file: 0)
        kernel.addFile("/sys/class/misc/iommu/dev", "10:197\n")
        kernel.withState { _ = $0.devices.remove("/dev/vfio/devices/vfio0") }
        #expect(
            refusal { try VFIOContainers(calls: kernel, path: .cdev).open(host("a")) }
                == .hiddenNode(
                    device: "a", .openDeviceFile("/dev/vfio/devices/vfio0"), path: "/dev/vfio/devices/vfio0", others: []
                ))
        // Its group will do.
        #expect(try VFIOContainers(calls: kernel).open(host("a")).group?.id == 3)
        kernel.withState { _ = $0.devices.remove("/dev/iommu") }
        #expect(
            refusal { try VFIOContainers(calls: kernel, path: .cdev).open(host("a")) }
                == .hiddenNode(
                    device: "a", .openIOMMUFD, path: "/dev/iommu", others: ["/dev/vfio/devices/vfio0"]))
        #expect(try VFIOContainers(calls: kernel).open(host("a")).group?.id == 3)
        #expect(kernel.held.isEmpty)
    }

    @Test func `a device without a file says so`() throws {
        kernel.addHostDevice("old", group: 3)
        kernel.addHostDevice("free", group: 4, isNoIOMMU: true, file: 0)
        let containers = VFIOContainers(calls: kernel, path: .cdev)
        #expect(
            refusal { try containers.open(host("old")) } == .noDeviceFile(device: "old", isNoIOMMU: false))
        // VFIO makes no such file for a device without an IOMMU, so that there is no other way.
        #expect(try containers.open(host("free")).reach == .hostMemory)
        #expect(
            refusal { try containers.open(host("free"), descriptor: 9) }
                == .noDeviceFile(device: "free", isNoIOMMU: true))
    }

    // MARK: Handed in

    /// Copied, they would keep the device in use until the process ends.
    @Test func `descriptors that were handed in are adopted and closed`() throws {
        kernel.addHostDevice("a", group: 3, file: 0)
        kernel.withState { $0.devices.subtract(["/dev/iommu", "/dev/vfio/devices/vfio0", "/dev/vfio/vfio"]) }
        let (iommufd, file) = (kernel.handIn("/dev/iommu"), kernel.handIn("/dev/vfio/devices/vfio0"))
        do {
            let device = try VFIOContainers(calls: kernel, iommufd: iommufd).open(host("a"), descriptor: file)
            #expect(device.regions.count == 1)
            #expect(!kernel.journal.contains { $0.description.contains("open /dev/vfio/vfio") })
        }
        #expect(kernel.held.isEmpty)
        #expect(kernel.releasedInReverseOrder, "\(kernel.journal)")
        #expect(kernel.name(of: file) == "?")
        #expect(kernel.name(of: iommufd) == "?")
    }

    /// The first device can't be opened; the number must not be closed, and be somebody else's, when the second asks
    /// for it.
    @Test func `an adopted descriptor outlives a device that fails`() throws {
        kernel.addHostDevice("a", group: 3, file: 0)
        kernel.addHostDevice("b", group: 4, file: 1)
        let iommufd = kernel.handIn("/dev/iommu")
        do {
            let containers = VFIOContainers(calls: kernel, path: .cdev, iommufd: iommufd)
            kernel.withState { _ = $0.busyNodes.insert("/dev/vfio/devices/vfio0") }
            #expect(throws: VFIOError.self) { try containers.open(host("a")) }
            #expect(kernel.name(of: iommufd) == "open /dev/iommu")
            #expect(try containers.open(host("b")).regions.count == 1)
        }
        #expect(kernel.held.isEmpty)
        #expect(kernel.name(of: iommufd) == "?")
    }

    @Test func `a descriptor that is borrowed stays open`() throws {
        kernel.addHostDevice("a", group: 3, file: 0)
        let iommufd = kernel.handIn("/dev/iommu")
        for _ in 0..<2 {
            let containers = VFIOContainers(calls: kernel, iommufd: iommufd, borrowsIOMMUFD: true)
            #expect(try containers.open(host("a")).regions.count == 1)
        }
        #expect(kernel.name(of: iommufd) == "open /dev/iommu")
    }

    @Test func `a descriptor of another file is refused`() throws {
        kernel.addHostDevice("a", group: 3, file: 0)
        let (iommufd, other) = (kernel.handIn("/dev/null"), kernel.handIn("/dev/vfio/devices/vfio1"))
        #expect(
            refusal { try VFIOContainers(calls: kernel, iommufd: iommufd).open(host("a")) }
                == .wrongDescriptor(
                    device: "a", key: "iommufd_fd", number: iommufd, found: "/dev/null", wanted: "iommu"))
        #expect(
            refusal { try VFIOContainers(calls: kernel).open(host("a"), descriptor: other) }
                == .wrongDescriptor(
                    device: "a", key: "vfio_fd", number: other, found: "/dev/vfio/devices/vfio1", wanted: "vfio0"))
        #expect(
            refusal { try VFIOContainers(calls: kernel).open(host("a"), descriptor: 77) }
                == .failed(device: "a", .adopt(key: "vfio_fd", 77), .badFileDescriptor))
        #expect(kernel.held.isEmpty)
    }

    // MARK: What DMA reaches

    @Test(arguments: [nil, 0]) func `a device that is to do no DMA is kept apart`(file: Int?) throws {
        kernel.addHostDevice("dma", group: 3, file: file)
        kernel.addHostDevice("quiet", group: 4, file: file.map { $0 + 1 })
        let containers = VFIOContainers(calls: kernel)
        let quiet = try containers.open(host("quiet"), dma: .none)
        #expect(containers.guestSpaces.isEmpty)
        let dma = try containers.open(host("dma"))
        #expect([quiet.reach, dma.reach] == [.nothing, .guestMemory])
        #expect(containers.guestSpaces.count == 1)
        let memory = try MemoryMapping(of: 0, size: 0x10000, system: kernel)
        let mapping = try #require(containers.guestSpaces.first).map(memory, part: 0..<0x10000, iova: 0)
        // The guest's memory is in the other space only.
        if file != nil { #expect(kernel.withState { $0.vfio.addressSpaces } == [1: [:], 2: [0: 0x10000]]) }
        withExtendedLifetime(mapping) {}
    }

    @Test(arguments: [nil, 0]) func `devices of one group reach the same`(file: Int?) throws {
        kernel.addHostDevice("a", group: 3, file: file)
        kernel.addHostDevice("b", group: 3, file: file.map { $0 + 1 })
        let containers = VFIOContainers(calls: kernel)
        let first = try containers.open(host("a"))
        #expect(
            refusal { try containers.open(host("b"), dma: .none) }
                == .groupSharesDMA(device: "b", group: 3, other: "a"))
        _ = try containers.open(host("b"), dma: .iommu)
        withExtendedLifetime(first) {}
    }

    @Test func `an IOMMU that is not there cannot be asked for`() throws {
        kernel.addHostDevice("a", group: 3, isNoIOMMU: true)
        #expect(
            refusal { try VFIOContainers(calls: kernel).open(host("a"), dma: .iommu) } == .noIOMMU(device: "a"))
        #expect(try VFIOContainers(calls: kernel).open(host("a"), dma: .none).reach == .hostMemory)
        #expect(try VFIOContainers(calls: kernel).open(host("a"), dma: .identity).reach == .hostMemory)
    }

    @Test func `identity is refused where there is an IOMMU`() throws {
        kernel.addHostDevice("a", group: 3)
        #expect(
            refusal { try VFIOContainers(calls: kernel).open(host("a"), dma: .identity) }
                == .identityBehindIOMMU(device: "a", group: 3))
    }

    // MARK: Refusals of the kernel

    @Test func `unsafe interrupts are explained`() throws {
        kernel.addHostDevice("a", group: 3, file: 0)
        kernel.withState { $0.vfio.isolationFailure = .notPermitted }
        let text = refusal { try VFIOContainers(calls: kernel).open(host("a")) }
        #expect(
            try text
                == .failed(
                    device: "a", .bind(host("a").readyGroup(), file: "/dev/vfio/devices/vfio0"), .notPermitted))
        let group = refusal { try VFIOContainers(calls: kernel, path: .group).open(host("a")) }
        #expect(group == .failed(device: "a", .setIOMMU(.type1v2), .notPermitted))
        #expect(kernel.held.isEmpty)
        #expect(kernel.releasedInReverseOrder)
    }

    @Test func `a group that a host driver uses is named`() throws {
        kernel.addHostDevice("a", group: 3, file: 0)
        kernel.addHostDevice("10200000.sata", group: 3, driver: "ahci")
        kernel.withState { $0.vfio.isolationFailure = .resourceBusy }
        #expect(
            try refusal { try VFIOContainers(calls: kernel).open(host("a")) }
                == .failed(
                    device: "a", .bind(host("a").readyGroup(), file: "/dev/vfio/devices/vfio0"), .resourceBusy))
    }

    @Test func `a device that another process uses is said to be so`() throws {
        kernel.addHostDevice("a", group: 3, file: 0)
        kernel.withState { $0.vfio.isolationFailure = .invalidArgument }
        #expect(
            try refusal { try VFIOContainers(calls: kernel).open(host("a")) }
                == .failed(
                    device: "a", .bind(host("a").readyGroup(), file: "/dev/vfio/devices/vfio0"), .invalidArgument))
    }
}
