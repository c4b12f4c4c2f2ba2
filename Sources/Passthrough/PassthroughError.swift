// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import DeviceOptions
public import GuestNodes
public import HostDevices
public import KVM
public import LinuxSystem
public import PlatformBus
public import VFIO

/// Why a host device could not be given to the guest, and what to do about it.
public enum PassthroughError: Error, Equatable, Sendable, CustomStringConvertible {
    case host(HostDeviceError)
    case vfio(VFIOError)
    /// The guest can't have a node for the device.
    case node(GuestNodeError)
    case bus(device: String, PlatformBusError)
    case kvm(device: String, KVMError)
    case call(device: String, String, errno: Errno)
    /// No path works for an interrupt, or the configured path doesn't; each with the reason.
    case noInterruptPath(device: String, interrupt: Int, isChoice: Bool, [FailedPath])
    /// `eoi` names bytes that the device doesn't have; its regions have these sizes.
    case endRangeOutside(device: String, regions: [UInt64])
    /// `require_reset` is set, but nothing resets the device, for this reason.
    case noReset(device: String, cause: String)
    /// `require_reset` is set, but the reset failed.
    case resetFailed(ResetFailure)
    /// A step of `reset` names a register that the device doesn't have.
    case resetStep(device: String, index: Int, step: String, problem: String)
    /// The host has switched off resources that the device had with its driver.
    case unpowered(device: String, [PowerLoss], DeviceHold)
    /// There is no IOMMU between a device and memory, and the device isn't known to do no DMA.
    case unconfinedDMA(device: String, master: String)
    /// `dma` is "identity", but a bus between the device and memory translates addresses.
    case translatingBus(device: String, bus: String)
    /// `dma` is "identity", but the device's addresses don't reach all of RAM.
    case memoryOutOfReach(device: String, memory: GuestRange, bus: String)
    /// `guest_address` lists more regions than the device has.
    case tooManyAddresses(device: String, given: Int, regions: Int)
    /// `guest_address` isn't aligned to the host's page size, given in bytes, but the region is to be mapped.
    case offPage(device: String, region: Int, address: GuestAddress, pageSize: UInt64)
    /// `guest_address` is "host", but the region's address on the host isn't known.
    case noHostAddress(device: String, region: Int)

    /// A path for an interrupt that was tried, and why it doesn't work.
    public struct FailedPath: Equatable, Sendable {
        /// The path.
        public let path: InterruptPathKind
        /// Why it doesn't work.
        public let problem: PassthroughError
    }

    /// What failed, on what, why, and what to do.
    public var description: String {
        switch self {
        case .host(let error): error.description
        case .vfio(let error): error.description
        case .node(let error): error.description
        case .bus(let device, let error): "\(device): \(error)"
        case .kvm(let device, let error): "\(device): \(error)"
        case .call(let device, let call, let errno): "\(device): \(call): \(errno.explained)"
        case .noInterruptPath(let device, let interrupt, let isChoice, let failures):
            indented(
                ["\(device): can't connect interrupt \(interrupt) to the guest"]
                    + failures.map { "\($0.path): \($0.problem)" }
                    + (isChoice ? ["remove interrupts and irqfd: Martlet then takes the best path that works"] : []))
        case .endRangeOutside(let device, let regions):
            """
            \(device): eoi is outside the device's regions
              the device has \(regions.enumerated().map { "region \($0) of \($1) bytes" }.joined(separator: ", "))
            """
        case .noReset(let device, let cause):
            """
            \(device): require_reset is set, but nothing resets the device: \(cause)
              without a reset, the guest gets the device in its last state, and its DMA may go on after the guest
              set reset to the steps that reset the device, or remove require_reset if that does no harm
            """
        case .resetStep(let device, let index, let step, let problem):
            """
            \(device): reset[\(index)] can't be done: \(step): \(problem)
              to see the device's regions, run: martlet devices \(device)
            """
        case .resetFailed(let error):
            """
            \(error)
              require_reset is set: without a reset, the guest gets the device in its last state, and its DMA may go on
            """
        case .unpowered(let device, let losses, let hold):
            indented(
                ["\(device): off now: \(losses.map(\.description).joined(separator: ", "))"]
                    + PowerLoss.remedy(for: device, hold)
                    + ["or set allow_unpowered to true if the device works without it"])
        case .unconfinedDMA(let device, let master):
            """
            \(device): it has no IOMMU, and \(master) may do DMA
              if it does no DMA: set dma to "none"; nothing enforces that
              if it does DMA: set dma to "identity" and allow_unsafe_dma to true; the guest's RAM is then at the host's
              physical addresses, and device and guest can access all of the host's memory
            """
        case .translatingBus(let device, let bus):
            """
            \(device): dma is "identity", but the dma-ranges of \(bus) translate its addresses
              this device can't be passed through: the guest doesn't know the translation
            """
        case .memoryOutOfReach(let device, let memory, let bus):
            """
            \(device): its DMA can't reach the guest's RAM at \(memory): the dma-ranges of \(bus) exclude it
              set machine-config.dma_heap to a heap within its reach, or reserve huge pages when the host boots
            """
        case .tooManyAddresses(let device, let given, let regions):
            """
            \(device): guest_address has \(given) elements, but the device has \(regions) \(regions == 1 ? "region" : "regions")
              remove the elements that have no region
            """
        case .offPage(let device, let region, let address, let pageSize):
            """
            \(device): guest_address \(address) of region \(region) is not a multiple of \(pageSize), this host's \
            page size
              set it to \(Self.nearest(address, pageSize)), or remove guest_address
              or set no_mmap: a trapped region may be at any multiple of 4096
            """
        case .noHostAddress(let device, let region):
            """
            \(device): guest_address is "host", but the host address of region \(region) is unknown
              set guest_address to a number, or remove it
            """
        }
    }
}

extension PassthroughError {
    /// The multiple of `unit` that is nearest to an address.
    private static func nearest(_ address: GuestAddress, _ unit: UInt64) -> GuestAddress {
        let below = address.rawValue / unit * unit
        let (above, overflow) = below.addingReportingOverflow(unit)
        return GuestAddress(overflow || address.rawValue - below < unit / 2 ? below : above)
    }

    /// Adds the device to an error of KVM, for `mapError`.
    static func kvm(_ device: String) -> (KVMError) -> PassthroughError { { .kvm(device: device, $0) } }
}
