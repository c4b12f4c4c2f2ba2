// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The ways of an interrupt to the guest, best first.
public enum InterruptPathKind: String, CaseIterable, Sendable {
    /// The kernel does it all: KVM injects the interrupt.
    case irqfd
    /// Martlet passes the interrupt on; the kernel tells it the end.
    case relay
    /// No help from the kernel: the end is inferred from the guest's next access to the device.
    case eventfd
}
