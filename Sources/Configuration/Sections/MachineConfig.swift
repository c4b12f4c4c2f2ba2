// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// `machine-config`: the size of the virtual machine, and the places of its parts.
public struct MachineConfig: Equatable, Sendable {
    /// 1 to 32; the host's own limit (KVM_CAP_MAX_VCPUS) may be lower.
    public var vcpuCount: Int
    /// Guest RAM in mebibytes.
    ///
    /// At least 16, because no arm64 Linux boots with less; at most 1,048,576 (1 TiB, the size of the 40-bit
    /// guest-physical address space that every KVM host offers). Whether the host has as much is checked before boot.
    public var memoryMebibytes: Int
    /// The guest-physical address of RAM; a multiple of 2 MiB, as the arm64 boot protocol requires.
    ///
    /// Nil for `defaultRAMBase`, or for an address that the devices' DMA reaches.
    public var ramBase: UInt64?
    /// The window for passed-through devices without an address of their own; nil for all free room beside RAM.
    public var platformBus: Window?
    /// The page size of RAM; nil for ordinary pages, or with `VFIODMAMode.identity` for the largest available.
    public var hugePages: HugePages?
    /// The heap below /dev/dma_heap from which RAM is allocated, for devices with `VFIODMAMode.identity`.
    public var dmaHeap: String?
    /// Whether a core dump of Martlet contains the guest's RAM.
    public var dumpsGuestCore = false

    /// The host's CPUs that the machine runs on; nil for any.
    ///
    /// The first vCPU runs only on the first of them, and so on. There are at least as many as vCPUs.
    public var cpus: CPUList?

    /// The values of `huge_pages`: Firecracker's, and pages of 1 GiB.
    public enum HugePages: String, CaseIterable, Sendable {
        /// Ordinary pages, or transparent huge pages if the kernel provides them.
        case none = "None"
        case twoMebibytes = "2M"
        case oneGibibyte = "1G"

        /// The size of a page in mebibytes; nil for ordinary pages.
        public var mebibytes: Int? {
            switch self {
            case .none: nil
            case .twoMebibytes: 2
            case .oneGibibyte: 1024
            }
        }

        /// The size of a page in bytes; nil for ordinary ones.
        public var byteCount: UInt64? { mebibytes.map { UInt64($0) << 20 } }
    }

    /// A range of the guest-physical address space.
    public struct Window: Equatable, Sendable {
        /// The first byte's address, a multiple of 4096.
        public var base: UInt64
        /// The size in bytes, a multiple of 4096, at least 4096.
        public var size: UInt64

        /// Combines both; the reader of the file checks them.
        public init(base: UInt64, size: UInt64) {
            self.base = base
            self.size = size
        }
    }

    /// The default number of vCPUs.
    public static var defaultVCPUCount: Int { 1 }
    /// The default size of guest RAM in mebibytes.
    public static var defaultMemoryMebibytes: Int { 128 }
    /// The default address of RAM.
    public static let defaultRAMBase: UInt64 = 0x8000_0000

    /// Creates the settings; every key that isn't given has its default.
    public init(
        vcpuCount: Int = Self.defaultVCPUCount, memoryMebibytes: Int = Self.defaultMemoryMebibytes,
        ramBase: UInt64? = nil, platformBus: Window? = nil
    ) {
        self.vcpuCount = vcpuCount
        self.memoryMebibytes = memoryMebibytes
        self.ramBase = ramBase
        self.platformBus = platformBus
    }

    enum Keys {
        static let vcpuCount = Key.integer(
            "vcpu_count", 1...32, default: MachineConfig.defaultVCPUCount,
            "Virtual CPUs. The host's own limit may be lower (8 with a GICv2).")
        static let memoryMebibytes = Key.integer(
            "mem_size_mib", 16...1_048_576, default: MachineConfig.defaultMemoryMebibytes,
            """
            Guest RAM in mebibytes, up to 1 TiB; a multiple of `huge_pages`. What the host can give is checked before \
            boot.
            """
        )
        static let ramBase = Key.optionalAddress(
            "ram_base", multipleOf: 2 << 20,
            """
            The guest-physical address of RAM. Without it RAM is at 2 GiB, or at the nearest place that the devices' \
            DMA reaches.
            """)
        static let platformBus = KeyDescription(
            "platform_bus", .object({ Window.Keys.section }),
            Documentation(
                """
                The only window that passed-through devices without an address of their own go to. Without it they go \
                to what is left beside RAM.
                """, example: #"{"base": "0x20000000", "size": "0x1000000"}"#))
        static let hugePages = Key<HugePages?>.optionalChoice(
            "huge_pages",
            """
            The pages that RAM is made of, taken from the host's pool: `"2M"` or `"1G"`. `"None"`, the ordinary ones, \
            is what leaving it out means, except with `dma` `"identity"`: then the largest that there are.
            """)
        static let dmaHeap = Key.text(
            "dma_heap", .heapName,
            "For `dma` `\"identity\"`: the heap below /dev/dma_heap that RAM comes from, in place of `huge_pages`.")
        static let dumpsGuestCore = Key.boolean(
            "dump_guest_core", default: false, "Whether a core dump of Martlet has the guest's RAM in it.")
        static let cpus = Key<CPUList?>.cpuList(
            "cpus",
            Documentation(
                """
                The host's CPUs that the machine runs on, at least one for each vCPU: the first vCPU's thread on the \
                first of them alone, and so on, all else on all of them. A list as taskset takes it, or an array of \
                numbers. Hosts with CPUs of several kinds (big.LITTLE) may need it.
                """, example: #""0,2-3""#))

        static var section: Section {
            Section(
                keys: [
                    vcpuCount.description, memoryMebibytes.description, ramBase.description, platformBus,
                    hugePages.description, dmaHeap.description, dumpsGuestCore.description, cpus.description,
                ], lacking: FirecrackerKey.machineConfig)
        }
    }

    init(_ reader: ObjectReader) {
        vcpuCount = reader.value(Keys.vcpuCount)
        memoryMebibytes = reader.value(Keys.memoryMebibytes)
        ramBase = reader.value(Keys.ramBase)
        platformBus = reader.object(Keys.platformBus).map(Window.init)
        hugePages = reader.value(Keys.hugePages)
        dmaHeap = reader.value(Keys.dmaHeap)
        dumpsGuestCore = reader.value(Keys.dumpsGuestCore)
        cpus = reader.value(Keys.cpus)
        reader.noteOthers(than: Keys.section)
        if let cpus, cpus.numbers.count < vcpuCount {
            let count = cpus.numbers.count == 1 ? "1 CPU" : "\(cpus.numbers.count) CPUs"
            reader.note(
                Keys.cpus.name, found: "\(count), with vcpu_count \(vcpuCount)",
                allowed: "a CPU for each vCPU at least")
        }
        if let hugePages, let unit = hugePages.mebibytes, !memoryMebibytes.isMultiple(of: unit) {
            reader.note(
                Keys.memoryMebibytes.name, found: "\(memoryMebibytes), with huge_pages \"\(hugePages.rawValue)\"",
                allowed: "a multiple of \(unit): RAM is made of whole pages")
        }
        if let hugePages, hugePages != .none, dmaHeap != nil {
            reader.note(
                Keys.dmaHeap.name, found: "a heap, with huge_pages \"\(hugePages.rawValue)\"",
                allowed: "one of the two: RAM comes from a heap or is made of huge pages")
        }
    }
}
