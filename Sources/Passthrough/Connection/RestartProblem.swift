// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceOptions
internal import HostDevices
internal import LinuxSystem
internal import VFIO

/// A device for which the machine isn't started again after a guest's reset: what the last guest has told the device
/// to do may write to the RAM of the next one, which is mapped for it at the same addresses.
public struct RestartProblem: Equatable, Sendable, CustomStringConvertible {
    /// Why nothing has stopped the device.
    public enum Reason: Equatable, Sendable {
        /// Nothing resets it, for this reason, and it may do DMA to the next guest's RAM.
        case noReset(String)
        /// The reset failed; the errno, or the step, in words. Whether the device does DMA doesn't matter then: a
        /// device that was to be reset, and wasn't, isn't what the guest expects.
        case failedReset(String)
    }

    /// Its name on the host.
    public let device: String
    /// Why nothing has stopped the device.
    public let reason: Reason
    /// Whether an IOMMU could keep it from all memory.
    let isConfinable: Bool

    /// In a few words, for the report.
    public var summary: String { "\(device): \(cause)" }

    private var cause: String {
        switch reason {
        case .noReset(let cause): "nothing resets the device: \(cause)"
        case .failedReset(let error): "the device's reset failed: \(error)"
        }
    }

    /// What stands in the way, and what to do about it.
    public var description: String {
        let remedies = [
            "give reset the steps that do it",
            isConfinable ? "set dma to \"none\" if the guest needs no DMA of it" : nil, "set on_reset to \"exit\"",
            "or set allow_unreset_restart to true if the device writes nothing after the guest's reset",
        ]
        return """
            \(device): on_reset is "restart", but \(cause)
              what one guest has told the device to do could write to the RAM of the next
              \(remedies.compactMap(\.self).joined(separator: "; "))
            """
    }
}

extension OpenDevice {
    /// Whether what a guest has told it to do may write to the next guest's RAM, unless it is reset between the two.
    ///
    /// All DMA mappings are taken away between two guests, and what a device does then faults. But the next guest's
    /// RAM is mapped at the addresses of the last one's, and a copy may take any time.
    private var mayReachNextGuest: Bool {
        switch device.reach {
        case .nothing: false
        // What is known to do no DMA has nothing to go on with.
        case .guestMemory: isUnstoppable
        case .hostMemory:
            switch settings.dma {
            // The RAM of one guest is that of the next: the same pages of the host.
            case .identity: true
            // It is of a kind that is known to do no DMA, or the user says that it does none. All of the host's
            // memory rests on that word for as long as the device is open; another guest changes nothing.
            case .automatic, .iommu, .none: false
            }
        }
    }

    /// What is known since the last reset; nil where nothing stands in the way.
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
    /// What keeps the machine from being started again, as far as it is known before a guest has run.
    public var restartProblems: [RestartProblem] { devices.compactMap(\.restartProblem) }
}
