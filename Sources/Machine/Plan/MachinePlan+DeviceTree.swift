// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Board
internal import DeviceTree
internal import GuestNodes
public import KVM
internal import LinuxSystem
internal import PlatformBus

extension MachinePlan {
    /// The guest's device tree as a blob, and the command line in it.
    func deviceTree(
        _ boot: BootLoader.Result, _ version: InterruptController.Version
    ) throws(MachineError) -> (blob: [UInt8], arguments: BootArguments?) {
        let elsewhere = passthrough.devices.flatMap(\.ranges).filter { range in
            !layout.windows.contains { $0.contains(range) }
        }
        let words = bootArguments
        let board = BoardDeviceTree(
            layout: layout, busRanges: layout.windows + elsewhere, vcpuCount: configuration.machineSize.vcpuCount,
            interruptController: version, boot: boot, bootArguments: words.written,
            randomSeed: try mapError(MachineError.call("getrandom"), try calls.randomBytes(32)),
            controllerPhandle: controllerPhandle)
        var tree = board.tree(devices: boardNodes, clocks: sharedNodes, passedThrough: passthroughNodes)
        if let additions {
            let names = board.names(
                devices: boardNodes, clocks: sharedNodes, passedThrough: passthroughNodes,
                labels: configuration.platformDevices.map(\.label))
            tree = try additions.apply(to: tree, names: names, log: log)
        }
        let arguments = BootArguments(
            of: tree, configured: words.configured, base: words.base)
        if let arguments, let problem = KernelConsoles(passedThrough: passthroughNodes).problem(with: arguments) {
            log(.warning, problem)
        }
        do { return (try tree.serialized(limits: .ofHosts), arguments) } catch { throw .deviceTree(.tree(error)) }
    }

    /// The command lines of the configuration and of the base tree, each with the arguments for the root device, and
    /// the one that is written into the tree; nil if the base tree's isn't changed.
    private var bootArguments: (written: String?, configured: String?, base: String?) {
        let (configured, base) = (configuration.bootSource.bootArguments, additions?.base?.bootArguments)
        guard let root = drives.all.first?.settings.rootArguments else { return (configured, configured, base) }
        func added(_ text: String) -> String { text.isEmpty ? root : "\(text) \(root)" }
        let own = configured.map(added) ?? (base == nil ? root : nil)
        return (own ?? base.map(added), own, base.map(added))
    }

    /// The device tree that `MicroVM` would boot with; the host needs no KVM for it.
    /// - Parameter hypervisor: tells the version of the interrupt controller; without it, that is a GICv3.
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
