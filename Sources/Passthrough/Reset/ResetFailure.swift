// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceOptions
internal import LinuxSystem
public import VFIO

/// Why a device's reset failed.
public enum ResetFailure: Error, Equatable, Sendable {
    /// VFIO_DEVICE_RESET, or an access to a register, failed.
    case vfio(VFIOError)
    /// A step names a register that the device doesn't have, or that VFIO doesn't let user space access.
    case noRegister(device: String, step: String, problem: String)
    /// A register didn't reach the expected value in time.
    case timedOut(device: String, step: String, milliseconds: Int, value: UInt64)
    /// A register is all ones: the device doesn't answer.
    case noAnswer(device: String, step: String)
    /// All steps together took longer than the limit.
    case tooLong(device: String, milliseconds: Int)

    /// A few words for the report.
    public var shortText: String {
        switch self {
        case .vfio(.failed(_, .reset, let errno)): errno.nameAndText
        case .vfio(.failed(_, let operation, let errno)): "\(operation.description): \(errno.nameAndText)"
        case .vfio(let error): error.description
        case .noRegister(_, let step, let problem): "\(step): \(problem)"
        case .timedOut(_, let step, let milliseconds, let value):
            "\(step) timed out after \(milliseconds) ms at \(hex(value))"
        case .noAnswer(_, let step): "\(step): it reads as all ones; the device has no power or no clock"
        case .tooLong(_, let milliseconds): "it took more than \(milliseconds) ms"
        }
    }
}

extension ResetFailure: CustomStringConvertible {
    /// "<device>: <what failed>", and for some failures a line with what to do.
    public var description: String {
        switch self {
        case .vfio(let error): error.description
        case .noRegister(let device, _, _), .tooLong(let device, _): "\(device): the reset failed: \(shortText)"
        case .timedOut(let device, _, _, _):
            "\(device): the reset failed: \(shortText)\n  check the device's clocks and power, "
                + "run: martlet devices \(device)"
        case .noAnswer(let device, _):
            "\(device): the reset failed: \(shortText)\n  check that they are on, run: martlet devices \(device)"
        }
    }
}

extension ResetStep {
    /// The step as text: "poll region 0 offset 0x4: bits 0x1 = 0x0".
    var text: String {
        switch self {
        case .write(let register, let value, let mask):
            "write \(register.text): \(hex(value))" + (mask == register.allBits ? "" : " in bits \(hex(mask))")
        case .set(let register, let mask): "set \(register.text): bits \(hex(mask))"
        case .clear(let register, let mask): "clear \(register.text): bits \(hex(mask))"
        case .poll(let register, let value, let mask, _):
            "poll \(register.text): bits \(hex(mask)) = \(hex(value))"
        case .delay(let milliseconds): "delay of \(milliseconds) ms"
        }
    }

    /// The register that the step accesses, and how; nil for a wait.
    var access: (register: Register, reads: Bool, writes: Bool)? {
        switch self {
        case .write(let register, _, let mask): (register, mask != register.allBits, true)
        case .set(let register, _), .clear(let register, _): (register, true, true)
        case .poll(let register, _, _, _): (register, true, false)
        case .delay: nil
        }
    }

    /// Why the step can't be performed on a device; nil if it can.
    func problem(regions: [VFIORegion]) -> String? {
        guard let (register, reads, writes) = access else { return nil }
        return register.problem(regions: regions, reads: reads, writes: writes)
    }
}

extension ResetStep.Register {
    var text: String { "region \(region) offset \(hex(offset))" + (width == 4 ? "" : " (\(width * 8) bits)") }

    func problem(regions: [VFIORegion], reads: Bool, writes: Bool) -> String? {
        guard let region = regions.first(where: { $0.index == region }) else {
            return "the device has no region \(region); it has \(regions.count)"
        }
        let (end, overflow) = offset.addingReportingOverflow(UInt64(max(width, 1)))
        if overflow || end > region.size { return "region \(region.index) has \(region.size) bytes" }
        guard Self.widths.contains(width) else { return "a register can't have \(width) bytes" }
        if offset % UInt64(width) != 0 { return "the offset is not a multiple of the width, \(width) bytes" }
        if reads, !region.access.contains(.read) { return "VFIO allows no reads of region \(region.index)" }
        if writes, !region.access.contains(.write) { return "VFIO allows no writes to region \(region.index)" }
        return nil
    }
}
