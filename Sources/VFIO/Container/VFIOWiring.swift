// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// An eventfd that is connected to an interrupt: the interrupt signals it (trigger), or it unmasks the interrupt.
///
/// The `deinit` disconnects it.
///
/// It keeps the eventfd and the device open.
public final class VFIOWiring: Sendable {
    /// Which interrupt.
    public let interrupt: VFIOInterrupt
    private let action: VFIOInterruptAction
    private let file: VFIODeviceFile
    private let event: Share<EventDescriptor>
    private var point: VFIODeviceFile.WiringPoint {
        VFIODeviceFile.WiringPoint(action: action, index: interrupt.index)
    }

    init(
        _ action: VFIOInterruptAction, of interrupt: VFIOInterrupt, _ event: EventDescriptor, _ file: VFIODeviceFile
    ) throws(VFIOError) {
        let point = VFIODeviceFile.WiringPoint(action: action, index: interrupt.index)
        // The kernel would replace a trigger without an error, and the end of the first wiring would then remove the
        // second.
        guard file.claim(point) else {
            throw .alreadyWired(device: file.name, interrupt: interrupt.index, action)
        }
        do throws(VFIOError) {
            try file.attempt(.wireInterrupt(action, interrupt.index)) { device throws(Errno) in
                try file.calls.vfioWireInterrupt(
                    device, index: UInt32(truncatingIfNeeded: interrupt.index), action: action, event: event.rawValue)
            }
        } catch {
            file.unclaim(point)
            throw error
        }
        self.interrupt = interrupt
        self.action = action
        self.file = file
        self.event = Share(event)
    }

    /// Removes the wiring first, then releases the eventfd, then the share of the device.
    deinit {
        // If the kernel refuses, nothing more can be done here: closing the device removes all wirings.
        try? file.attempt(.wireInterrupt(action, interrupt.index)) { device throws(Errno) in
            let index = UInt32(truncatingIfNeeded: interrupt.index)
            if action == .trigger {
                try file.calls.vfioDisableInterrupt(device, index: index)
            } else {
                try file.calls.vfioWireInterrupt(device, index: index, action: action, event: nil)
            }
        }
        file.unclaim(point)
        event.release()
    }
}
