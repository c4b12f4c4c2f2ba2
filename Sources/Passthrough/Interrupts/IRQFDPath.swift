// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceOptions
internal import KVM
internal import LinuxSystem
internal import Synchronization
internal import VFIO

/// The interrupt path inside the kernel: VFIO signals an eventfd, and KVM raises the SPI.
///
/// VFIO masks a level line when it fires. At the guest's end of interrupt KVM signals the resamplefd, which VFIO uses
/// as its unmask eventfd, so that a line that is still high fires again.
///
/// The order of set-up ensures that an assertion at any moment is delivered exactly once. KVM's route is set up first:
/// it keeps interrupts that arrive before the guest has enabled the SPI. Then VFIO's unmask, so that the end of the
/// first interrupt isn't missed. Then the line is unmasked, because a previous owner, or a path that was tried before,
/// may have left it masked. Last the trigger: from here on the line fires, and at once if it is high. (If the line were
/// unmasked after the trigger, a line that has just fired would fire again before the guest handled it.)
///
/// Ownership: the wiring has its own lock, because the thread that stops the VM may call `disconnect`.
/// - SeeAlso: Documentation/virt/kvm/api.rst, 4.75 KVM_IRQFD; include/uapi/linux/vfio.h, VFIO_DEVICE_SET_IRQS
final class IRQFDPath: InterruptPath {
    let kind = InterruptPathKind.irqfd
    private let wiring: Mutex<ResourceStack>

    /// - Throws: `PassthroughError` naming the call; nothing stays wired then.
    init(
        _ interrupt: PlacedDevice.Interrupt, of device: VFIODevice, vm: VirtualMachine, tracer: Tracer?
    ) throws(PassthroughError) {
        var stack = ResourceStack()
        try Self.wire(interrupt, of: device, vm: vm, tracer: tracer, onto: &stack)
        wiring = Mutex(stack)
    }

    private static func wire(
        _ interrupt: PlacedDevice.Interrupt, of device: VFIODevice, vm: VirtualMachine, tracer: Tracer?,
        onto stack: inout ResourceStack
    ) throws(PassthroughError) {
        let name = device.host.name
        let gsi = GSI(rawValue: interrupt.spi.rawValue)
        let trigger = stack.keep(try makeEvent(vm.system, name))
        var resample: EventDescriptor?
        if interrupt.info.isLevel { resample = stack.keep(try makeEvent(vm.system, name)) }
        do throws(KVMError) {
            stack.keep(try InterruptRoute(vm, gsi: gsi, trigger: trigger, resample: resample))
        } catch { throw .kvm(device: name, error) }
        do throws(VFIOError) {
            if let resample { stack.keep(try device.setUnmask(interrupt.info, resample)) }
            if interrupt.info.isLevel { try device.unmask(interrupt.info) }
            stack.keep(try device.setTrigger(interrupt.info, trigger))
        } catch { throw .vfio(error) }
        tracer?.trace(
            interrupt.info.isLevel ? .startLevelIRQFDInjection : .startEdgeIRQFDInjection,
            "\(name) index \(interrupt.info.index) \(interrupt.spi) trigger \(trigger.rawValue) resample "
                + "\(resample?.rawValue ?? -1)")
    }

    func counters(_ index: Int) -> InterruptCounters? { nil }

    func disconnect() { wiring.withLock { $0.releaseAll() } }
}
