// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Board
internal import Console
internal import GuestMemory
internal import KVM
internal import LinuxSystem
internal import Passthrough
internal import PlatformBus

extension MicroVM {
    /// Creates the VM and everything in it.
    /// - Parameter stack: takes a share of everything that is created.
    static func build(
        _ plan: MachinePlan, _ hypervisor: Hypervisor, on stack: inout ResourceStack, console: GuestConsole,
        controls: BoardControls, profile: StartupProfile, queue: SessionQueue
    ) throws(MachineError) -> Parts {
        let size = plan.configuration.machineSize
        let vm: VirtualMachine
        let version: InterruptController.Version
        do throws(KVMError) {
            vm = stack.keep(try VirtualMachine(hypervisor, addressBits: plan.addressBits))
            version = try InterruptController.bestVersion(vm)
        } catch { throw .kvm(error) }
        if version == .v2, size.vcpuCount > 8 { throw .kvm(.vcpuCount(wanted: size.vcpuCount, limit: 8)) }
        profile.mark("vm")

        let (memory, boot) = try plan.load()
        profile.mark("image")
        let tree = try plan.deviceTree(boot, version)
        guard tree.blob.count <= BootLoader.deviceTreeLimit, memory.write(tree.blob, at: boot.deviceTree) else {
            throw .doesNotFit(what: "the device tree", bytes: UInt64(tree.blob.count), available: 0)
        }
        profile.mark("device-tree")

        var vcpus: [VirtualCPU] = []
        do throws(KVMError) {
            for bank in memory.banks {
                stack.keep(try MemorySlot(vm, at: bank.range.base.rawValue, mapping: bank.mapping))
            }
            profile.mark("memory-slots")
            for index in 0..<UInt32(size.vcpuCount) {
                let vcpu = stack.keep(try VirtualCPU(vm, index: index))
                try vcpu.initialize(poweredOff: index > 0)
                vcpus.append(vcpu)
            }
            if let first = vcpus.first {
                // Documentation/arch/arm64/booting.rst: x0 holds the device tree, x1 to x3 are zero, as after a reset.
                try first.set(.pc, to: boot.entry.rawValue)
                try first.set(.x(0), to: boot.deviceTree.rawValue)
            }
        } catch { throw explained(error, plan) }
        if let first = vcpus.first { try boot.demands?.check(first) }
        do throws(KVMError) {
            profile.mark("vcpus")
            let controller = stack.keep(
                try InterruptController(
                    vm, version: version, layout: plan.layout.interruptController(version),
                    neededSPICount: plan.bus.neededSPICount))
            try controller.makeLevelTriggered(
                plan.passthrough.levelTriggeredSPIs.map { GSI(rawValue: $0.rawValue) })
        } catch { throw .kvm(error) }
        profile.mark("interrupt-controller")

        let loop = stack.keep(
            try mapError(
                MachineError.call("the event loop (epoll_create1, eventfd, epoll_ctl)"), try EventLoop(of: plan.calls)))
        let devices: ConnectedDevices
        do throws(PassthroughError) {
            devices = stack.keep(
                try ConnectedDevices(
                    plan.passthrough, vm: vm,
                    memory: memory.banks.map { ($0.range.base.rawValue, $0.mapping) }, loop: loop, log: plan.log,
                    tracer: plan.tracer))
        } catch { throw .passthrough(error) }
        profile.mark("passthrough")

        let context = DeviceContext(
            vm: vm, memory: memory, bus: plan.bus, loop: loop,
            console: ConnectedConsole(console: console, loop: loop) { queue.send(.key($0)) },
            controls: controls, log: plan.log)
        var live: [any LiveDevice] = [devices]
        for (device, place) in plan.devices {
            let started: any LiveDevice
            do { started = try device.start(at: place, in: context) } catch { throw MachineError(device, error) }
            stack.keep(started)
            live.append(started)
        }
        // From here on they arrive only in the event loop.
        let signals = [SignalNumber.hangUp, SignalNumber.interrupt, SignalNumber.user1, SignalNumber.terminate]
        stack.keep(
            try SignalWatch(signals, loop: loop, system: plan.calls) {
                queue.send(.signal($0))
            })
        let log = plan.log
        let dispatcher = plan.bus.makeDispatcher { access in
            log(
                .warning,
                "the guest \(access.isWrite ? "wrote" : "read") \(access.width.bytes) bytes at \(access.address), "
                    + "where no device is" + (access.isLastReport ? "; Martlet only counts further pages" : ""))
        }
        let emulator = InstructionEmulator(memory: memory, dispatcher: dispatcher, log: log)
        profile.mark("devices")
        return Parts(
            runners: vcpus.map { VCPURunner($0, dispatcher: dispatcher, emulator: emulator) },
            dispatcher: dispatcher, devices: devices, live: live, loop: loop, arguments: tree.arguments)
    }

    /// An error of KVM, with its cause on the host if that is known.
    private static func explained(_ error: KVMError, _ plan: MachinePlan) -> MachineError {
        guard case .vcpuInit(_, errno: .invalidArgument) = error else { return .kvm(error) }
        let kinds = CPUPlacement.kinds(Sysfs(system: plan.calls))
        return kinds.count == 1 ? .kvm(error) : .mixedCPUs(error, kinds: kinds)
    }
}
