// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// `machine-config`: how large the virtual machine is, and where its parts are.
public struct MachineConfig: Equatable, Sendable {
    /// 1 to 32; the host's own limit (KVM_CAP_MAX_VCPUS) may be lower.
    public var vcpuCount: Int
    /// Guest RAM. At least 16, below which no arm64 Linux comes up; at most 1,048,576 (1 TiB, the reach of the 40-bit
    /// guest-physical addresses that every KVM host offers). What the host can give is checked before boot.
    public var memoryMebibytes: Int
    /// The guest-physical address of RAM, a multiple of 2 MiB, as the arm64 boot protocol wants it; nil for
    /// `defaultRAMBase`, or for wherever its devices' DMA reaches it.
    public var ramBase: UInt64?
    /// Where passed-through devices go that have no address of their own; nil for all room that is left beside RAM.
    public var platformBus: Window?
    /// The pages that RAM is made of; nil for ordinary ones, or with `VFIODMAMode.identity` the largest that there are.
    public var hugePages: HugePages?
    /// The heap below /dev/dma_heap that RAM comes from, for devices with `VFIODMAMode.identity`.
    public var dmaHeap: String?
    /// Whether a core dump of Martlet has the guest's RAM in it.
    public var dumpsGuestCore = false

    /// The host's CPUs that the machine runs on, the first vCPU on the first of them alone, and so on; nil for any. At
    /// least as many as vCPUs.
    public var cpus: CPUList?

    /// What `huge_pages` may be: Firecracker's values, and pages of 1 GiB.
    public enum HugePages: String, CaseIterable, Sendable {
        /// Ordinary pages, transparent huge ones where the kernel gives them.
        case none = "None"
        case twoMebibytes = "2M"
        case oneGibibyte = "1G"

        /// In mebibytes; nil for ordinary pages.
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

    /// A piece of the guest-physical address space.
    public struct Window: Equatable, Sendable {
        /// The first byte's address, a multiple of 4096.
        public var base: UInt64
        /// In bytes, a multiple of 4096, at least one.
        public var size: UInt64

        /// Puts both together; the reader of the file checks them.
        public init(base: UInt64, size: UInt64) {
            self.base = base
            self.size = size
        }
    }

    /// One vCPU, where the configuration doesn't say.
    public static var defaultVCPUCount: Int { 1 }
    /// Guest RAM in mebibytes, where the configuration doesn't say.
    public static var defaultMemoryMebibytes: Int { 128 }
    /// Where RAM is when the configuration doesn't say.
    public static let defaultRAMBase: UInt64 = 0x8000_0000

    /// The settings that are given; every other key has its default.
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
