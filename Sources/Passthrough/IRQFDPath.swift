// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import KVM
internal import LinuxSystem
internal import VFIO

/// The interrupt path that user space never sees: VFIO signals an eventfd, KVM raises the SPI.
///
/// A level line is masked by VFIO when it fires; at the guest's end of interrupt KVM signals the resamplefd, which VFIO
/// takes as its unmask, so that a line that is still high fires again.
/// - SeeAlso: Documentation/virt/kvm/api.rst, 4.75 KVM_IRQFD; include/uapi/linux/vfio.h, VFIO_DEVICE_SET_IRQS
enum IRQFDPath {
    /// Puts what it makes onto `stack`. The trigger comes last: what follows its wiring is delivered whole.
    static func wire(
        _ interrupt: PassthroughDevice.Interrupt, of device: PassthroughDevice, vm: VirtualMachine,
        into stack: inout ResourceStack
    ) throws(PassthroughError) {
        let system = vm.system
        let gsi = GSI(rawValue: interrupt.spi.rawValue)
        let trigger = stack.keep(try event(system, device.name))
        var resample: EventDescriptor?
        if interrupt.info.isLevel { resample = stack.keep(try event(system, device.name)) }
        do throws(KVMError) {
            stack.keep(try InterruptRoute(vm, gsi: gsi, trigger: trigger, resample: resample))
        } catch { throw .kvm(device: device.name, error) }
        do throws(VFIOError) {
            if let resample { stack.keep(try device.device.setUnmask(interrupt.info, resample)) }
            stack.keep(try device.device.setTrigger(interrupt.info, trigger))
            // One left masked by a previous owner would stay silent for ever.
            if interrupt.info.isLevel { try device.device.unmask(interrupt.info) }
        } catch { throw .vfio(error) }
    }

    private static func event(_ system: any SystemCalls, _ device: String) throws(PassthroughError) -> EventDescriptor {
        do { return try EventDescriptor(of: system) } catch {
            throw .call(device: device, "eventfd", errno: error)
        }
    }
}
