// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// An eventfd that is wired to an interrupt: signalled by it (trigger) or unmasking it. Undone when this goes.
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
        // The kernel would replace a trigger silently, and the end of the first wiring would then undo the second.
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

    /// The wiring goes before the eventfd, and that before the share of the device.
    deinit {
        // Nothing is left to do when the kernel refuses: closing the device takes all wirings away.
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
