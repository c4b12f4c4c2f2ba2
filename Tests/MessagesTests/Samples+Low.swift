// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

@testable import Arm64
@testable import GuestMemory
@testable import KVM
@testable import LinuxSystem
@testable import PlatformBus

extension Messages {
    /// LinuxSystem, KVM, PlatformBus, GuestMemory, Arm64.
    mutating func addLow() {
        addFiles()
        addKVM()
        addBus()
        addMemory()
        addInstructions()
    }

    private mutating func addFiles() {
        add("Errno.explained", Errno.noSuchFileOrDirectory.explained)
        add("Errno.explained", Errno.tooManyOpenFiles.explained)
        add("Errno.explained", Errno.tooManyOpenFilesInSystem.explained)
        add(
            FileKind.regular, .directory, .fifo, .socket, .characterDevice, .blockDevice, .unknown)
        add(
            FileError.failed(.permissionDenied), .wrongKind(.directory), .noPartner(isReader: true),
            .noPartner(isReader: false))
        add(
            StateFolderError.call("mkdir", path: "/run/martlet", .readOnlyFileSystem),
            .call("open", path: "/run/martlet", .permissionDenied), .foreign(path: "/run/martlet", owner: 1000),
            .writable(path: "/run/martlet"), .notAFolder(path: "/run/martlet"), .notAFile(path: "/run/martlet/lock"))
    }

    private mutating func addKVM() {
        add(
            KVMError.open(path: "/dev/kvm", errno: .noSuchFileOrDirectory),
            .open(path: "/dev/kvm", errno: .permissionDenied), .open(path: "/dev/kvm", errno: .notPermitted),
            .open(path: "/dev/kvm", errno: .tooManyOpenFiles), .hidden(path: "/dev/kvm"), .apiVersion(found: 11),
            .missingCapability("KVM_CAP_ARM_PSCI_0_2"), .missingCapability("KVM_CAP_IRQFD"),
            .addressBits(needed: 41, limit: 40), .vcpuCount(wanted: 16, limit: 8),
            .memorySlot(guestAddress: 0x8000_0000, size: 0x1000_0000, errno: .noMemory),
            .memorySlotRemoval(guestAddress: 0x8000_0000, errno: .invalidArgument), .noInterruptController,
            .irqfd(gsi: GSI(rawValue: 12), errno: .resourceBusy),
            .irqfd(gsi: GSI(rawValue: 12), errno: .invalidArgument),
            .irqfd(gsi: GSI(rawValue: 12), errno: .noMemory), .ioeventfd(address: 0x0A00_0050, errno: .noSpace),
            .vfioGroup(errno: .invalidArgument), .vcpuInit(index: 1, errno: .invalidArgument),
            .call("KVM_CREATE_VM", errno: .tooManyOpenFiles))
    }

    private mutating func addBus() {
        let range = GuestRange(base: GuestAddress(0x0C00_0000), size: 0x1000)
        let window = GuestRange(base: GuestAddress(0x0C00_0000), size: 0x7400_0000)
        guard let range, let window else { return }
        let spi = SPI(rawValue: 40)
        add(
            PlatformBusError.overlap(name: "device edu", range: range, owner: "serial port", taken: range),
            .windowFull(name: "device edu", size: 0x1000, alignment: 0x1000, windows: [window]),
            .windowFull(name: "device edu", size: 0x1000, alignment: 0x1000, windows: []),
            .outsideWindow(name: "device edu", range: range, windows: [window]),
            .misaligned(name: "device edu", address: GuestAddress(0x0C00_0010), alignment: 0x1000),
            .invalidAlignment(name: "device edu", alignment: 3),
            .invalidRange(name: "device edu", base: GuestAddress(0x0C00_0000), size: 0),
            .invalidRange(name: "device edu", base: nil, size: 0), .noSPI(name: "device edu", count: 960),
            .spiTaken(name: "device edu", spi: spi, owner: "serial port"),
            .spiOutOfRange(name: "device edu", spi: spi, count: 32))
    }

    private mutating func addMemory() {
        let limit = ControlGroups.Limit(path: "/sys/fs/cgroup/a/hugetlb.2MB.max", bytes: 0x400_0000)
        add(
            PhysicalMemoryError.noSuchPages(size: 0x4000_0000),
            .tooFewPages(size: 0x20_0000, wanted: 128, free: 3, total: 10),
            .tooFewPages(size: 0x4000_0000, wanted: 1, free: 0, total: nil),
            .controlGroup(size: 0x20_0000, wanted: 0x1000_0000, limit), .notWholePages(size: 0x4000_0000),
            .noSuchHeap("linux,cma", others: []), .noSuchHeap("linux,cma", others: ["system"]),
            .heapIsFull("linux,cma", size: 0x1000_0000), .addressesHidden, .notPresent,
            .heapAddress("linux,cma", reason: "open /proc/kcore: ENOENT (No such file or directory)"),
            .call("mmap", .noMemory), .call("mmap", .tooManyOpenFiles)
        ) { ([$0.description] + [$0.remedy].compactMap(\.self)).joined(separator: "\n  remedy: ") }
        add(
            GuestMemoryError.memory(mebibytes: 256, call: "mmap", errno: .noMemory),
            .memory(mebibytes: 256, call: "memfd_create", errno: .tooManyOpenFiles),
            .identityMemory(
                device: "10000000.edu", mebibytes: 256, [.noSuchPages(size: 0x4000_0000), .addressesHidden],
                isChoice: false),
            .identityMemory(
                device: "10000000.edu", mebibytes: 256,
                [.tooFewPages(size: 0x20_0000, wanted: 128, free: 3, total: 10)], isChoice: true),
            .hugePages(mebibytes: 256, .tooFewPages(size: 0x20_0000, wanted: 128, free: 3, total: 10)),
            .tooManyBanks(40, limit: 32), .memoryCheck(.addressesHidden))
        add(PhysicalMemory.Source.hugePages(size: 0x20_0000), .heap("linux,cma"))
        for (pin, moved) in [(nil, nil), ("EPERM (Operation not permitted)", "0x80000000")] as [(String?, String?)] {
            let report = MemoryReport(
                source: "2 MiB pages",
                banks: [
                    .init(address: "0x80000000", size: 0x800_0000), .init(address: "0x90000000", size: 0x800_0000),
                ],
                isPinned: pin == nil, notPinned: pin, moved: moved)
            add(MemoryReport.self, report.lines.joined(separator: "\n"))
        }
    }

    private mutating func addInstructions() {
        add(
            LoadStore.NotEmulated.unsupported("an atomic operation (LDADD, STADD, …)"),
            .unpredictable("LDR/STR (post-indexed)"), .unallocated("LDP/STP (signed offset)"), .unknown)
        add(
            TranslationRegime.Fault.outsideRegime, .invalid(level: 3), .addressSize(level: 2),
            .noMemory(address: 0x4000_0000), .unsupported("the reserved TCR_EL1.TG0"))
    }
}
