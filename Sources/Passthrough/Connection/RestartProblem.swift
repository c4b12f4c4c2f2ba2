// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceOptions
internal import HostDevices
internal import LinuxSystem
internal import VFIO

/// A device that prevents a restart of the machine after a guest's reset.
///
/// DMA that the last guest has started may write to the RAM of the next guest, which is mapped for the device at the
/// same addresses.
public struct RestartProblem: Equatable, Sendable, CustomStringConvertible {
    /// Why the device wasn't stopped.
    public enum Reason: Equatable, Sendable {
        /// Nothing resets it, for this reason, and it may do DMA to the next guest's RAM.
        case noReset(String)
        /// The reset failed; the errno, or the step, as text. Then it doesn't matter whether the device does DMA:
        /// without the reset, it isn't in the state that the guest expects.
        case failedReset(String)
    }

    /// Its name on the host.
    public let device: String
    /// Why the device wasn't stopped.
    public let reason: Reason
    /// Whether an IOMMU could deny it all memory.
    let isConfinable: Bool

    /// A few words for the report.
    public var summary: String { "\(device): \(cause)" }

    private var cause: String {
        switch reason {
        case .noReset(let cause): "nothing resets the device: \(cause)"
        case .failedReset(let error): "the device's reset failed: \(error)"
        }
    }

    /// The problem, and what to do about it.
    public var description: String {
        let remedies = [
            "set reset to the steps that reset the device",
            isConfinable ? "set dma to \"none\" if the guest needs no DMA" : nil, "set on_reset to \"exit\"",
            "or set allow_unreset_restart to true if the device writes nothing after the guest's reset",
        ]
        return """
            \(device): on_reset is "restart", but \(cause)
              DMA that one guest has started could write to the RAM of the next guest
              \(remedies.compactMap(\.self).joined(separator: "; "))
            """
    }
}

extension OpenDevice {
    /// Whether DMA that one guest has started may write to the next guest's RAM, unless the device is reset in between.
    ///
    /// All DMA mappings are removed between two guests, and DMA then faults. But the next guest's RAM is mapped at the
    /// same addresses, and the device's transfer may still be running then.
    private var mayReachNextGuest: Bool {
        switch device.reach {
        case .nothing: false
        // A device that is known to do no DMA can't continue any.
        case .guestMemory: isUnstoppable
        case .hostMemory:
            switch settings.dma {
            // Both guests use the same RAM: the same pages of the host.
            case .identity: true
            // The device is known to do no DMA, or the user says that it does none. If that is wrong, all of the host's
            // memory is at risk while the device is open; another guest changes nothing.
            case .automatic, .iommu, .none: false
            }
        }
    }

    /// The problem that is known since the last reset; nil if there is none.
    var restartProblem: RestartProblem? {
        if let failure = resetter.failure {
            return RestartProblem(device: host.name, reason: .failedReset(failure.shortText), isConfinable: false)
        }
        guard case .none(let absence) = resetter.method, mayReachNextGuest else { return nil }
        return RestartProblem(device: host.name, reason: .noReset(absence.text), isConfinable: isConfinable)
    }

    private var isConfinable: Bool {
        switch device.reach {
        case .guestMemory: true
        case .nothing, .hostMemory: false
        }
    }
}

extension OpenDevices {
    /// What prevents another start of the machine, as far as it is known before a guest has run.
    public var restartProblems: [RestartProblem] { devices.compactMap(\.restartProblem) }
}
