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
public enum PassthroughError: Error, Sendable, CustomStringConvertible {
    case host(HostDeviceError)
    case vfio(VFIOError)
    /// The guest can't have a node for the device.
    case node(GuestNodeError)
    case bus(device: String, PlatformBusError)
    case kvm(device: String, KVMError)
    case call(device: String, String, errno: Errno)
    /// No path to the guest works for an interrupt, or not the one that was asked for; each with the reason.
    case noInterruptPath(
        device: String, interrupt: Int, isChoice: Bool, [(path: InterruptPathKind, reason: String)])
    /// `eoi` names bytes that the device hasn't got; it has regions of these sizes.
    case endRangeOutside(device: String, regions: [UInt64])
    /// `require_reset`, and the host's kernel can't reset the device.
    case noReset(device: String)
    /// `require_reset`, and the reset failed.
    case resetFailed(VFIOError)
    /// The host has switched off what the device had with its driver.
    case unpowered(device: String, [PowerLoss], DeviceHold)
    /// No IOMMU stands between a device and memory, and it isn't one that is known not to do DMA.
    case unconfinedDMA(device: String, suspicion: String)
    /// `dma: "identity"`, but on the way from the device to memory addresses become others.
    case translatingBus(device: String, bus: String)
    /// `dma: "identity"`, but the device's addresses don't reach all of RAM.
    case memoryOutOfReach(device: String, memory: GuestRange, bus: String)
    /// `guest_address` lists more regions than the device has.
    case tooManyAddresses(device: String, given: Int, regions: Int)
    /// `guest_address` is on no page of the host, in bytes, and the region is to be mapped.
    case offPage(device: String, region: Int, address: GuestAddress, pageSize: UInt64)
    /// `guest_address: "host"`, but where the region is on the host can't be told.
    case noHostAddress(device: String, region: Int)

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
                ["\(device): no way to the guest for interrupt \(interrupt)"]
                    + failures.map { "\($0.path): \($0.reason)" }
                    + (isChoice ? ["leave interrupts and irqfd out, and Martlet takes the best path that works"] : []))
        case .endRangeOutside(let device, let regions):
            """
            \(device): eoi is not inside the device
              it has \(regions.enumerated().map { "region \($0) of \($1) bytes" }.joined(separator: ", "))
            """
        case .noReset(let device):
            """
            \(device): require_reset is set, but the host's kernel has no function that resets the device
              the guest would find it as its last user left it, and nothing would stop what the guest leaves running;
              leave require_reset out if that does no harm
            """
        case .resetFailed(let error):
            """
            \(error)
              require_reset is set: the guest would find the device as its last user left it, and it may do what that has told it to
            """
        case .unpowered(let device, let losses, let hold):
            indented(
                ["\(device): off now: \(losses.map(\.description).joined(separator: ", "))"]
                    + PowerLoss.remedy(for: device, hold)
                    + ["or set allow_unpowered to true, if the device works without"])
        case .unconfinedDMA(let device, let suspicion):
            """
            \(device): no IOMMU stands between it and the host's memory, and \(suspicion) is not known to do no DMA
              where it does none: set dma to "none"; nothing enforces that
              where it does: set dma to "identity" and allow_unsafe_dma to true; the guest's RAM is then at the host's physical
              addresses, and the device, and with it the guest, can reach all of the host's memory
            """
        case .translatingBus(let device, let bus):
            """
            \(device): dma is "identity", but the dma-ranges of \(bus) give it other addresses than the CPU's
              the guest's driver would have to know them: this device can't be passed through
            """
        case .memoryOutOfReach(let device, let memory, let bus):
            """
            \(device): it can't reach the guest's RAM at \(memory), since the dma-ranges of \(bus) leave it out
              give machine-config.dma_heap a heap within its reach, or reserve huge pages when the host boots, lower down
            """
        case .tooManyAddresses(let device, let given, let regions):
            """
            \(device): guest_address has \(given) elements, but the device has \(regions) \(regions == 1 ? "region" : "regions")
              give one for each region at most
            """
        case .offPage(let device, let region, let address, let pageSize):
            """
            \(device): guest_address \(address) of region \(region) is not a multiple of \(pageSize), the size of this \
            host's pages, by which the region is mapped
              give \(Self.nearest(address, pageSize)), or leave guest_address out
              or set no_mmap: a region whose accesses are all trapped may be at any multiple of 4096
            """
        case .noHostAddress(let device, let region):
            """
            \(device): the host address of region \(region) is not known, so guest_address can't be "host"
              give guest_address as a number, or leave it out
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

    /// Runs `body` and says that VFIO failed, which names the device itself.
    static func vfio<Result>(_ body: () throws(VFIOError) -> Result) throws(PassthroughError) -> Result {
        do { return try body() } catch { throw .vfio(error) }
    }

    /// Runs `body` and says that the host's device can't be had.
    static func host<Result>(_ body: () throws(HostDeviceError) -> Result) throws(PassthroughError) -> Result {
        do { return try body() } catch { throw .host(error) }
    }

    /// Runs `body` and says that the guest can't have a node for the device.
    package static func node<Result>(_ body: () throws(GuestNodeError) -> Result) throws(PassthroughError) -> Result {
        do { return try body() } catch { throw .node(error) }
    }

    /// Runs `body` and says for which device KVM failed.
    static func kvm<Result>(
        _ device: String, _ body: () throws(KVMError) -> Result
    ) throws(PassthroughError) -> Result {
        do { return try body() } catch { throw .kvm(device: device, error) }
    }
}
