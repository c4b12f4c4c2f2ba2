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

/// The kernel as a machine needs it.
public typealias MachineCalls = KVMCalls & VFIOCalls & DebugFSCalls

/// A machine that was laid out but not built: the address map with its owners, the devices opened, no VM yet.
///
/// Every overlap and every device that can't be had is found here, before anything of KVM is touched.
public final class MachinePlan: Sendable {
    let configuration: MachineConfiguration
    let calls: any MachineCalls
    let log: Log
    let tracer: Tracer?
    /// Kernel and initrd, from the first start on. Guarded by the lock: one thread builds machines. Declared before all
    /// that is opened earlier, so that they go first.
    private let bootFiles = Mutex<BootFiles?>(nil)
    /// Whether a guest has had its RAM. Atomic for want of a `var`.
    private let hasStarted = Atomic<Bool>(false)
    let memoryPlacement: MemoryPlacement
    let layout: BoardLayout
    let bus: BusMap
    let passthrough: PlacedDevices
    /// RAM for devices that address the host's physical memory; nil where there are none. Declared behind the devices,
    /// so that it goes after them: a device that is open may write to it.
    let identity: IdentityMemory?
    /// The board's own devices, in the order in which they are started.
    let devices: [(device: any BoardDevice, place: Place)]
    /// Whether devices' DMA needs RAM to stay where it is.
    private let pinsMemory: Bool
    private let passthroughNodes: [Node]
    private let boardNodes: [Node]
    private let sharedNodes: [Node]
    /// Nil when the configuration adds nothing to the tree.
    private let additions: TreeAdditions?
    private let controllerPhandle: Phandle
    /// Counts the devices' interrupts; nil without a device, and where it can't be opened. Declared behind the devices,
    /// as it was opened before them.
    private let interruptFile: HostInterruptFile?
    /// Kept open until the plan's devices are closed: declared last, as stored properties go in the order of
    /// declaration.
    private let hypervisor: Hypervisor?

    /// - Parameters:
    ///   - hypervisor: nil on a host without KVM, where a plan serves to show the device tree.
    ///   - sysfsRoot: stands for /sys in tests.
    ///   - borrowsIOMMUFD: whether `iommufd_fd` stays open for another plan.
    /// - Throws: `MachineError` for the first thing that doesn't fit or can't be opened.
    public init(
        _ configuration: MachineConfiguration, calls: any MachineCalls, hypervisor: Hypervisor?,
        sysfsRoot: String = "/sys", log: Log, tracer: Tracer? = nil, borrowsIOMMUFD: Bool = false
    ) throws(MachineError) {
        self.configuration = configuration
        self.calls = calls
        self.log = log
        self.tracer = tracer
        self.hypervisor = hypervisor
        let addressBits = try Self.limits(configuration, hypervisor)
        additions = try TreeAdditions(configuration, system: calls, log: log)
        var phandles = additions?.base?.phandles ?? PhandleAllocator()
        do { controllerPhandle = try additions?.base?.interruptController ?? phandles.allocate() } catch {
            throw .deviceTree("\(error)")
        }
        let sysfs = Sysfs(root: sysfsRoot, system: calls)
        interruptFile = configuration.platformDevices.isEmpty ? nil : try? HostInterruptFile(calls)
        // Before the layout: what the devices' IOMMU can translate decides where RAM goes.
        let opened: OpenDevices
        let demands: MemoryDemands?
        do throws(PassthroughError) {
            opened = try OpenDevices(
                configuration.platformDevices.map {
                    PlacedDevice.Settings($0, peerToPeer: configuration.peerToPeer)
                },
                containers: Self.containers(configuration, calls, borrowsIOMMUFD), interrupts: interruptFile,
                sysfs: sysfs, debugFS: calls, log: log, tracer: tracer)
            demands = try opened.memoryDemands()
        } catch { throw .passthrough(error) }
        pinsMemory = demands != nil
        let size = configuration.machineSize
        let board = BoardDevices.all(configuration)
        identity = try Self.identityMemory(size, opened, calls, log)
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
        // Before the passed-through devices, and for the others after them.
        try claims.reserveFixed(board)
        var shared: SharedNodes
        do throws(PassthroughError) {
            passthrough = try PlacedDevices(opened, bus: bus, log: log, tracer: tracer)
            var generator = NodeGenerator(tree: HostTree(sysfs), phandles: phandles)
            let requests = passthrough.nodeRequests
            let nodes = try PassthroughError.node { () throws(GuestNodeError) in try generator.generate(requests) }
            if log.threshold <= .info { Self.logOmissions(nodes, log) }
            for node in nodes { for warning in node.warnings { log(.warning, "\(node.device): \(warning)") } }
            passthroughNodes = nodes.map(\.node)
            shared = generator.shared
        } catch { throw .passthrough(error) }
        let passedKinds = passthroughNodes.flatMap { $0[property: "compatible"]?.strings ?? [] }
        devices = try claims.place(board.filter { $0.substitute.map { !passedKinds.contains($0) } ?? true })
        boardNodes = try Self.nodes(devices, &shared)
        sharedNodes = shared.nodes
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

    /// RAM where devices want it; nil where they don't care.
    private static func identityMemory(
        _ size: MachineSize, _ devices: OpenDevices, _ calls: any MachineCalls, _ log: Log
    ) throws(MachineError) -> IdentityMemory? {
        guard let device = devices.identityDevice else {
            if size.dmaHeap != nil { throw .heapWithoutIdentity }
            return nil
        }
        let memory = try memoryError { () throws(GuestMemoryError) in
            try IdentityMemory(
                mebibytes: size.memoryMebibytes, heap: size.dmaHeap,
                hugePageSize: size.hugePages?.byteCount, for: device, system: calls)
        }
        do { try devices.checkIdentity(reaches: memory.banks) } catch { throw .passthrough(error) }
        if log.threshold <= .info { for line in memory.report().lines { log(.info, line) } }
        return memory
    }

    private static func containers(
        _ configuration: MachineConfiguration, _ calls: any MachineCalls, _ borrowsIOMMUFD: Bool
    ) -> VFIOContainers {
        // Through an iommufd the kernel maps no registers.
        return VFIOContainers(
            calls: calls, path: configuration.peerToPeer ? .group : configuration.vfio,
            iommufd: configuration.iommufd.map { CInt(clamping: $0) }, borrowsIOMMUFD: borrowsIOMMUFD)
    }

    private static func logOmissions(_ nodes: [GuestNode], _ log: Log) {
        for node in nodes {
            let omitted = node.omitted
            if omitted.isEmpty { continue }
            log(.info, "\(node.device): not carried into the guest's device tree: \(omitted)")
        }
    }

    /// The guest-physical address bits that the machine uses: up to the highest claim.
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

    /// The device tree that the guest gets, as a blob, and the command line in it.
    func deviceTree(
        _ boot: BootLoader.Result, _ version: InterruptController.Version
    ) throws(MachineError) -> (blob: [UInt8], arguments: BootArguments?) {
        let elsewhere = passthrough.devices.flatMap(\.ranges).filter { range in
            !layout.windows.contains { $0.contains(range) }
        }
        let board = BoardDeviceTree(
            layout: layout, busRanges: layout.windows + elsewhere, vcpuCount: configuration.machineSize.vcpuCount,
            interruptController: version, boot: boot, bootArguments: configuration.bootSource.bootArguments,
            randomSeed: try naming("getrandom") { () throws(Errno) in try calls.randomBytes(32) },
            controllerPhandle: controllerPhandle)
        var tree = board.tree(devices: boardNodes, clocks: sharedNodes, passedThrough: passthroughNodes)
        if let additions {
            let names = board.names(
                devices: boardNodes, clocks: sharedNodes, passedThrough: passthroughNodes,
                labels: configuration.platformDevices.map(\.label))
            tree = try additions.apply(to: tree, names: names, log: log)
        }
        let arguments = BootArguments(
            of: tree, configured: configuration.bootSource.bootArguments, base: additions?.base?.bootArguments)
        if let arguments, let problem = KernelConsoles(passedThrough: passthroughNodes).problem(with: arguments) {
            log(.warning, problem)
        }
        do { return (try tree.serialized(limits: .ofHosts), arguments) } catch { throw .deviceTree("\(error)") }
    }

    /// The devices for which a guest won't be started again after a reset, as far as that is known before it runs; none
    /// where that isn't asked for.
    public var restartObstacles: [RestartObstacle] {
        switch configuration.onReset {
        case .exit: []
        case .restart: configuration.allowsUnresetRestart ? [] : passthrough.restartObstacles
        }
    }

    /// What was added to the device tree, a line each.
    var additionFacts: [String] { additions?.facts ?? [] }

    /// Opens kernel and initrd, for all starts of the guest; a second call finds them open. It comes before the VM is
    /// made, so that they outlive it.
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
        // A guest that is started again gets what the last one has given back.
        if !hasStarted.exchange(true, ordering: .relaxed) { try checkHostMemory() }
        let memory = try guestMemory()
        let loader = BootLoader(memory: memory, system: calls, log: log)
        return (memory, try loader.load(files))
    }

    private var hugePageSize: UInt64? { configuration.machineSize.hugePages?.byteCount }

    private func checkHostMemory() throws(MachineError) {
        // Huge pages and heaps don't count as memory.
        try HostMemory.checkControlGroups(
            ramSize: identity != nil || hugePageSize != nil ? 0 : layout.ram.size, isPinned: pinsMemory, system: calls,
            log: log)
        if identity == nil, hugePageSize == nil {
            try HostMemory.check(mebibytes: layout.ram.size >> 20, system: calls)
        }
    }

    private func guestMemory() throws(MachineError) -> GuestRAM {
        let size = configuration.machineSize
        return try memoryError { () throws(GuestMemoryError) in
            if let identity { return try identity.guestRAM(isDumped: size.dumpsGuestCore) }
            return try GuestRAM(
                layout.banks, hugePageSize: hugePageSize, isDumped: size.dumpsGuestCore, system: calls)
        }
    }

    /// The names of all trace events.
    public static var traceEvents: [String] { TraceEvent.allCases.map(\.rawValue) }

    /// The device tree that `MicroVM` would boot with, from a host that need not have KVM.
    /// - Parameter hypervisor: asked for the version of the interrupt controller; without it that is a GICv3.
    public func deviceTree(hypervisor: Hypervisor?) throws(MachineError) -> [UInt8] {
        var version = InterruptController.Version.v3
        try openBootFiles()
        if let hypervisor {
            do throws(KVMError) {
                version = try InterruptController.bestVersion(try VirtualMachine(hypervisor, addressBits: addressBits))
            } catch { throw .kvm(error) }
        }
        let (_, boot) = try load()
        return try deviceTree(boot, version).blob
    }
}
