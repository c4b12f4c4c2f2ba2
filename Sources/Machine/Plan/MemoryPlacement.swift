// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem
internal import Passthrough
internal import PlatformBus
internal import VFIO

/// The place of the guest's RAM that its devices' DMA can reach, and the check that the host allows pinning all of it:
/// everything that can be known before RAM exists.
struct MemoryPlacement {
    /// The address of its first byte.
    let base: GuestAddress
    /// Why it isn't the usual address, as one line.
    let reason: String?

    /// Moved RAM begins at a multiple of this, the largest page that KVM and IOMMU map as one.
    private static let alignment: UInt64 = 1 << 30
    /// The lowest place of moved RAM, so that devices still have room below it.
    private static let lowest: UInt64 = 1 << 30

    /// - Parameters:
    ///   - fixed: the configured address; nil for the usual place, or the nearest possible one.
    ///   - demands: the requirements of the devices that do DMA; nil if there are none.
    /// - Throws: `MachineError.memoryProblem`.
    init(
        mebibytes: Int, addressBits: Int, fixed: GuestAddress? = nil, demands: MemoryDemands?
    ) throws(MachineError) {
        let wanted = fixed ?? BoardLayout.ramBase
        let (size, overflow) = UInt64(mebibytes).multipliedReportingOverflow(by: 1 << 20)
        // The layout refuses impossible values.
        guard let demands, size > 0, !overflow,
            let first = Self.problem(demands, wanted.rawValue, size)
        else {
            base = wanted
            reason = nil
            return
        }
        let isFixed = fixed != nil
        let failure = MachineError.memoryProblem(
            device: demands.device, mebibytes: mebibytes, base: wanted, range: first.range.description,
            reason: first.reason, isFixed: isFixed)
        if isFixed { throw failure }
        let limit: UInt64 = addressBits >= 64 ? .max : (1 << UInt64(addressBits)) - 1
        guard
            let base = Self.search(demands, size, from: wanted.rawValue, limit: limit)
                ?? Self.search(demands, size, from: Self.lowest, limit: limit)
        else { throw failure }
        self.base = GuestAddress(base)
        reason = "RAM is at \(self.base) instead of \(wanted): \(first.reason): \(first.range)"
    }

    /// RAM at the host's physical addresses, which can't be moved.
    /// - Throws: `MachineError.bankProblem`.
    init(identity banks: [GuestRange], demands: MemoryDemands?) throws(MachineError) {
        for bank in banks {
            guard let problem = demands?.problem(from: bank.base.rawValue, through: bank.last.rawValue) else {
                continue
            }
            throw .bankProblem(
                device: demands?.device ?? "", bank, range: problem.range.description, reason: problem.reason)
        }
        base = banks.first?.base ?? BoardLayout.ramBase
        reason = nil
    }

    private static func problem(_ demands: MemoryDemands, _ base: UInt64, _ size: UInt64) -> MemoryDemands.Problem? {
        let (last, overflow) = base.addingReportingOverflow(size - 1)
        return overflow ? nil : demands.problem(from: base, through: last)
    }

    /// The lowest possible place from `start` on; nil if there is none. Each problem is found only once, however large
    /// it is.
    private static func search(_ demands: MemoryDemands, _ size: UInt64, from start: UInt64, limit: UInt64) -> UInt64? {
        var base = start
        while true {
            let (last, overflow) = base.addingReportingOverflow(size - 1)
            guard !overflow, last <= limit else { return nil }
            guard let problem = demands.problem(from: base, through: last) else { return base }
            // Behind the problem, rounded up.
            let (next, tooFar) = problem.range.last.addingReportingOverflow(alignment)
            guard !tooFar, next / alignment * alignment > base else { return nil }
            base = next / alignment * alignment
        }
    }

    /// - Throws: `MachineError.lockedMemory` when this process may not lock all of RAM, `.mappings` when the kernel
    ///   allows fewer DMA mappings than RAM needs.
    static func checkLimits(
        bankSizes: [UInt64], demands: MemoryDemands, calls: any VFIOCalls
    ) throws(MachineError) {
        let mappings = ConnectedDevices.mappingCount(bankSizes: bankSizes)
        if let left = demands.mappingsLeft, mappings > left {
            throw .mappings(device: demands.device, wanted: mappings, left: left)
        }
        let limit = try mapError(MachineError.call("getrlimit(RLIMIT_MEMLOCK), capget"), try calls.lockedMemoryLimit())
        guard let limit else { return }
        // Each address space counts separately (vfio_iommu_type1.c, vfio_lock_acct; iommufd/pages.c, do_update_pinned).
        let spaces = UInt64(max(demands.spaceCount, 1))
        var (needed, overflow) = bankSizes.reduce(0, +).multipliedReportingOverflow(by: spaces)
        if !overflow { (needed, overflow) = needed.addingReportingOverflow(HostMemory.lockedByteCount(calls)) }
        if overflow || needed > limit {
            throw .lockedMemory(device: demands.device, needed: overflow ? .max : needed, limit: limit)
        }
    }
}
