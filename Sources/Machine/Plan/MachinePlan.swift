// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Board
public import Configuration
internal import DeviceTree
internal import GuestMemory
internal import GuestNodes
internal import HostDevices
public import KVM
public import LinuxSystem
public import Passthrough
internal import PlatformBus
internal import Synchronization
public import VFIO

/// The kernel's calls that a machine needs.
public typealias MachineCalls = KVMCalls & VFIOCalls & DebugFSCalls

/// A machine that is laid out but not built: it has the address map with its owners and the open devices, but no VM
/// yet.
///
/// Every overlap, and every device that can't be used, is found here, before KVM is used.
public final class MachinePlan: Sendable {
    let configuration: MachineConfiguration
    let calls: any MachineCalls
    let log: Log
    let tracer: Tracer?
    /// Kernel and initrd, open from the first start on. Guarded by the lock: one thread builds machines.
    private let bootFiles = Mutex<BootFiles?>(nil)
    /// Whether a guest was started before. Atomic only because a Sendable class can't have a `var`.
    private let hasStarted = Atomic<Bool>(false)
    let memoryPlacement: MemoryPlacement
    let layout: BoardLayout
    let bus: BusMap
    let passthrough: PlacedDevices
    /// RAM for devices that address the host's physical memory; nil if there are none.
    let identity: IdentityMemory?
    /// The files of the guest's drives, open for all its starts.
    let drives: OpenDrives
    /// The board's own devices, in the order in which they are started.
    let devices: [(device: any BoardDevice, place: Place)]
    /// Whether devices' DMA needs pinned RAM.
    private let pinsMemory: Bool
    let passthroughNodes: [Node]
    let boardNodes: [Node]
    let sharedNodes: [Node]
    /// Nil when the configuration adds nothing to the tree.
    let additions: TreeAdditions?
    let controllerPhandle: Phandle
    /// Released after the plan's devices are closed.
    private let hypervisor: Share<Hypervisor>

    /// - Parameters:
    ///   - hypervisor: nil on a host without KVM, where a plan only shows the device tree.
    ///   - sysfsRoot: replaces /sys in tests.
    ///   - borrowsIOMMUFD: whether `iommufd_fd` stays open for another plan.
    /// - Throws: `MachineError` for the first part that doesn't fit or can't be opened.
    public init(
        _ configuration: MachineConfiguration, calls: any MachineCalls, hypervisor: Hypervisor?,
        sysfsRoot: String = "/sys", log: Log, tracer: Tracer? = nil, borrowsIOMMUFD: Bool = false
    ) throws(MachineError) {
        self.configuration = configuration
        self.calls = calls
        self.log = log
        self.tracer = tracer
        self.hypervisor = Share(hypervisor)
        let addressBits = try Self.limits(configuration, hypervisor)
        additions = try TreeAdditions(configuration, system: calls, log: log)
        var phandles = additions?.base?.phandles ?? PhandleAllocator()
        if let phandle = additions?.base?.interruptController {
            controllerPhandle = phandle
        } else {
            do { controllerPhandle = try phandles.allocate() } catch { throw .deviceTree(.tree(error)) }
        }
        let openDrives = try OpenDrives(configuration.drives, system: calls)
        drives = openDrives
        var isWhole = false
        // As in deinit, which isn't called when this throws.
        defer { if !isWhole { openDrives.close() } }
        let sysfs = Sysfs(root: sysfsRoot, system: calls)
        // Without it the report says that interrupts weren't counted.
        let interrupts = configuration.platformDevices.isEmpty ? nil : try? HostInterruptFile(calls)
        // Before the layout: the place of RAM depends on what the devices' IOMMU can translate.
        let opened: OpenDevices
        let demands: MemoryDemands?
        do throws(PassthroughError) {
            opened = try OpenDevices(
                configuration.platformDevices.map {
                    PlacedDevice.Settings($0, peerToPeer: configuration.peerToPeer)
                },
                containers: Self.containers(configuration, calls, borrowsIOMMUFD), interrupts: interrupts,
                sysfs: sysfs, debugFS: calls, log: log, tracer: tracer)
            demands = try opened.memoryDemands()
        } catch { throw .passthrough(error) }
        var placed: PlacedDevices?
        var memory: IdentityMemory?
        defer {
            if !isWhole {
                placed?.close()
                opened.close()
                memory?.close()
            }
        }
        pinsMemory = demands != nil
        let size = configuration.machineSize
        let board = BoardDevices.all(configuration, drives: openDrives)
        identity = try Self.identityMemory(size, for: opened, calls: calls, log: log)
        memory = identity
        if let identity {
            memoryPlacement = try MemoryPlacement(identity: identity.banks, demands: demands)
            layout = try BoardLayout(
                size, addressBits: addressBits, banks: identity.banks, devices: board, avoiding: opened.fixedRanges)
        } else {
            memoryPlacement = try MemoryPlacement(
                mebibytes: size.memoryMebibytes, addressBits: addressBits, fixed: size.ramBase.map { GuestAddress($0) },
                demands: demands)
            if let reason = memoryPlacement.reason { log(.info, reason) }
            layout = try BoardLayout(
                size, addressBits: addressBits, ramBase: memoryPlacement.base, devices: board,
                avoiding: opened.fixedRanges)
        }
        if let demands {
            try MemoryPlacement.checkLimits(bankSizes: layout.banks.map(\.size), demands: demands, calls: calls)
        }
        bus = try layout.makeBus()
        var claims = BoardClaims(bus: bus, layout: layout)
        // Fixed addresses before the passed-through devices, the others after them.
        try claims.reserveFixed(board)
        var shared: SharedNodes
        let tree = HostTree(sysfs)
        do throws(PassthroughError) {
            passthrough = try PlacedDevices(opened, bus: bus, log: log, tracer: tracer)
            placed = passthrough
            var generator = NodeGenerator(tree: tree, phandles: phandles)
            let requests = passthrough.nodeRequests
            let nodes = try mapError(PassthroughError.node, try generator.generate(requests))
            if log.threshold <= .info { Self.logOmissions(nodes, log) }
            for node in nodes { for warning in node.warnings { log(.warning, "\(node.device): \(warning)") } }
            passthroughNodes = nodes.map(\.node)
            shared = generator.shared
        } catch { throw .passthrough(error) }
        let passedKinds = passthroughNodes.flatMap { $0[property: "compatible"]?.strings ?? [] }
        devices =
            try claims.place(BoardDevices.needed(board, beside: passthrough, kinds: passedKinds, shared))
            + RegisterCopies(shared, tree: tree, sysfs: sysfs, debugFS: calls).place(on: bus)
        boardNodes = try Self.nodes(devices, &shared)
        sharedNodes = shared.nodes
        isWhole = true
    }

    /// Newest first. An open device may write to its RAM, so the RAM is released after the devices.
    deinit {
        bootFiles.withLock { $0.take() }?.close()
        passthrough.close()
        identity?.close()
        drives.close()
        hypervisor.release()
    }

    /// The number of guest-physical address bits that the plan may use.
    private static func limits(
        _ configuration: MachineConfiguration, _ hypervisor: Hypervisor?
    ) throws(MachineError) -> Int {
        guard let hypervisor else { return 40 }
        do throws(KVMError) {
            let limit = try hypervisor.maximumVCPUCount()
            let wanted = configuration.machineSize.vcpuCount
            if wanted > limit { throw .vcpuCount(wanted: wanted, limit: limit) }
            return try hypervisor.maximumAddressBits()
        } catch { throw .kvm(error) }
    }

    /// RAM at the addresses that devices require; nil if they require none.
    private static func identityMemory(
        _ size: MachineConfig, for devices: OpenDevices, calls: any MachineCalls, log: Log
    ) throws(MachineError) -> IdentityMemory? {
        guard let device = devices.identityDevice else {
            if size.dmaHeap != nil { throw .heapWithoutIdentity }
            return nil
        }
        let memory = try mapError(
            MachineError.guestMemory,
            try IdentityMemory(
                mebibytes: size.memoryMebibytes, heap: size.dmaHeap, hugePageSize: size.hugePages?.byteCount,
                for: device, system: calls))
        do { try devices.checkIdentity(reaches: memory.banks) } catch { throw .passthrough(error) }
        if log.threshold <= .info { for line in memory.report().lines { log(.info, line) } }
        return memory
    }

    private static func containers(
        _ configuration: MachineConfiguration, _ calls: any MachineCalls, _ borrowsIOMMUFD: Bool
    ) -> VFIOContainers {
        // The kernel maps no registers through an iommufd.
        return VFIOContainers(
            calls: calls, path: configuration.peerToPeer ? .group : configuration.vfio,
            iommufd: configuration.iommufd.map { CInt(clamping: $0) }, borrowsIOMMUFD: borrowsIOMMUFD)
    }

    private static func logOmissions(_ nodes: [GuestNode], _ log: Log) {
        for node in nodes {
            let omitted = node.omitted
            if omitted.isEmpty { continue }
            log(.info, "\(node.device): dropped from the guest's device tree: \(omitted)")
        }
    }

    /// The number of guest-physical address bits that the machine uses, from the highest claim.
    var addressBits: Int {
        let top = bus.regions.map(\.range.last.rawValue).max() ?? layout.ram.last.rawValue
        return 64 - top.leadingZeroBitCount
    }

    private static func nodes(
        _ devices: [(device: any BoardDevice, place: Place)], _ shared: inout SharedNodes
    ) throws(MachineError) -> [Node] {
        var nodes: [Node] = []
        for (device, place) in devices {
            do { nodes += try device.nodes(at: place, shared: &shared) } catch { throw MachineError(device, error) }
        }
        return nodes
    }

    /// The devices that prevent a restart after a guest's reset, as far as it is known before the guest runs; none if
    /// no restart is configured.
    public var restartProblems: [RestartProblem] {
        switch configuration.onReset {
        case .exit: []
        case .restart: configuration.allowsUnresetRestart ? [] : passthrough.restartProblems
        }
    }

    /// What was added to the device tree, one line each.
    var additionFacts: [String] { additions?.facts ?? [] }

    /// Opens kernel and initrd for all starts of the guest; a second call returns the open files. Call it before the VM
    /// is created, so that they outlive it.
    @discardableResult
    func openBootFiles() throws(MachineError) -> BootFiles {
        try bootFiles.withLock { (files) throws(MachineError) in
            if let files { return files }
            let source = configuration.bootSource
            let opened = try BootFiles(kernel: source.kernelImagePath, initrd: source.initrdPath, system: calls)
            files = opened
            return opened
        }
    }

    /// Allocates RAM and loads kernel and initrd into it.
    func load() throws(MachineError) -> (memory: GuestRAM, boot: BootLoader.Result) {
        let files = try openBootFiles()
        // A restarted guest uses the memory that the last one has released.
        if !hasStarted.exchange(true, ordering: .relaxed) { try checkHostMemory() }
        let memory = try guestMemory()
        let loader = BootLoader(memory: memory, system: calls, log: log)
        return (memory, try loader.load(files))
    }

    private var hugePageSize: UInt64? { configuration.machineSize.hugePages?.byteCount }

    private func checkHostMemory() throws(MachineError) {
        // Huge pages and heaps don't count as memory here.
        try HostMemory.checkControlGroups(
            ramSize: identity != nil || hugePageSize != nil ? 0 : layout.ram.size, isPinned: pinsMemory, system: calls,
            log: log)
        if identity == nil, hugePageSize == nil {
            try HostMemory.check(mebibytes: layout.ram.size >> 20, system: calls)
        }
    }

    private func guestMemory() throws(MachineError) -> GuestRAM {
        let size = configuration.machineSize
        do throws(GuestMemoryError) {
            if let identity { return try identity.guestRAM(isDumped: size.dumpsGuestCore) }
            return try GuestRAM(
                layout.banks, hugePageSize: hugePageSize, isDumped: size.dumpsGuestCore, system: calls)
        } catch { throw .guestMemory(error) }
    }

    /// The names of all trace events.
    public static var traceEvents: [String] { TraceEvent.allCases.map(\.rawValue) }
}
