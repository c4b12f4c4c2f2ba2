// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceOptions
internal import KVM
internal import LinuxSystem
internal import Synchronization
internal import VFIO

/// The interrupt path that user space never sees: VFIO signals an eventfd, KVM raises the SPI.
///
/// A level line is masked by VFIO when it fires; at the guest's end of interrupt KVM signals the resamplefd, which VFIO
/// takes as its unmask, so that a line that is still high fires again.
///
/// The order of the set-up is such that an assertion at any moment of it is delivered, and once. KVM's route comes
/// first: it holds what arrives before the guest has enabled the SPI. Then VFIO's unmask, so that the end of the very
/// first interrupt isn't missed. Then the mask is taken away, in which a previous owner or a path that was tried before
/// this one may have left the line. Last the trigger: from here on the line fires, now if it is high. (Unmasked after
/// that, a line that has just fired would fire again before the guest had seen it.)
///
/// Ownership: the wiring, under its lock, since `disconnect` may come from the thread that stops the VM.
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
