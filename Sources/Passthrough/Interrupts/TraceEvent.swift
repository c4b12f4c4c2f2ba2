// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// The trace events of passed-through devices, with the names that QEMU uses.
public enum TraceEvent: String, CaseIterable, Sendable {
    /// A device was opened.
    case realize = "vfio_platform_realize"
    /// One of its interrupts was found.
    case populateInterrupts = "vfio_platform_populate_interrupts"
    /// A path was set up for an interrupt.
    case startLevelIRQFDInjection = "vfio_platform_start_level_irqfd_injection"
    case startEdgeIRQFDInjection = "vfio_platform_start_edge_irqfd_injection"
    case startRelayInjection = "vfio_platform_start_relay_injection"
    case startEventFDInjection = "vfio_platform_start_eventfd_injection"
    /// eventfd: an interrupt arrived and was raised.
    case interrupt = "vfio_platform_intp_interrupt"
    /// eventfd: an interrupt arrived and has to wait.
    case setPending = "vfio_platform_intp_set_pending"
    /// eventfd: a waiting interrupt was raised.
    case injectPending = "vfio_platform_intp_inject_pending"
    /// eventfd: an access ended the interrupt.
    case endOfInterrupt = "vfio_platform_eoi"
    /// eventfd: regions were taken from the guest, given back, or not given back yet.
    case mmapDisable = "vfio_platform_mmap_disable"
    case mmapEnable = "vfio_platform_mmap_enable"
    /// relay: an interrupt arrived and was passed on.
    case relayInterrupt = "vfio_platform_relay_interrupt"
    /// relay: the guest has ended it.
    case relayResample = "vfio_platform_relay_resample"
    /// relay: `storm_limit` delays it, and lets it continue.
    case relayHold = "vfio_platform_relay_hold"
    case relayRelease = "vfio_platform_relay_release"
}

extension Tracer {
    func trace(_ event: TraceEvent, _ detail: @autoclosure () -> String) { trace(event.rawValue, detail()) }
}
