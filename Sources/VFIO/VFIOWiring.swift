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
    private let event: EventDescriptor
    private let file: VFIODeviceFile

    init(
        _ action: VFIOInterruptAction, of interrupt: VFIOInterrupt, _ event: EventDescriptor, _ file: VFIODeviceFile
    ) throws(VFIOError) {
        try file.attempt(.wireInterrupt(action, interrupt.index)) { device throws(Errno) in
            try file.calls.vfioWireInterrupt(
                device, index: UInt32(truncatingIfNeeded: interrupt.index), action: action, event: event.rawValue)
        }
        self.interrupt = interrupt
        self.action = action
        self.event = event
        self.file = file
    }

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
    }
}
