// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The paths of an interrupt to the guest, best first.
public enum InterruptPathKind: String, CaseIterable, Sendable {
    /// The kernel handles all of it: KVM injects the interrupt.
    case irqfd
    /// Martlet passes the interrupt on; the kernel reports its end to Martlet.
    case relay
    /// No help from the kernel: the end is inferred from the guest's next access to the device.
    case eventfd
}
