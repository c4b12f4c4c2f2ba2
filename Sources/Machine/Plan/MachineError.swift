// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Board
internal import Configuration
public import DeviceTree
public import GuestMemory
public import KVM
public import LinuxSystem
public import Passthrough
public import PlatformBus
public import Virtio

/// Why a machine could not be built or could not continue, and what to do about it.
public enum MachineError: Error, Equatable, Sendable, CustomStringConvertible {
    case kvm(KVMError)
    case bus(PlatformBusError)
    /// The guest can't have its RAM.
    case guestMemory(GuestMemoryError)
    case passthrough(PassthroughError)
    case deviceTree(GuestTreeProblem)
    /// A file that the configuration names can't be used; `key` is its JSON path.
    case file(key: String, path: String, errno: Errno)
    /// Such a file isn't a regular file.
    case fileKind(key: String, path: String, FileError)
    /// A drive can't be used.
    case drive(DriveError)
    /// The kernel can't be booted, and what to do.
    case image(path: String, KernelProblem)
    /// An item that is loaded into RAM is larger than the room left there.
    case doesNotFit(what: String, bytes: UInt64, available: UInt64)
    case addressSpace(mebibytes: Int, base: GuestAddress, addressBits: Int)
    /// `platform_bus` is beyond the host's addresses.
    case busSpace(base: GuestAddress, size: UInt64, addressBits: Int)
    /// `ram_base` or `platform_bus` overlaps other parts.
    case overlaps([AddressConflict])
    /// A base tree or an overlay, by its JSON path and file, can't be read or used.
    case treeFile(key: String, path: String, TreeFileProblem)
    /// An overlay, which the error names, is invalid or can't be applied.
    case overlay(DeviceTreeError)
    /// An overlay, by its name in errors, changes what Martlet writes; `property` is empty for a whole node.
    case boardOverlay(overlay: String, property: String, node: String, remedy: String)
    /// A label isn't found, and the base tree, by its key and file, has no labels.
    indirect case unlabelledBase(String, MachineError)
    /// A property of the configuration must be a reference, but is text; `form` is the JSON that the user probably
    /// meant.
    case referenceText(key: String, property: String, found: String, form: String)
    /// A property of the configuration refers to a label that doesn't exist; `known` are the existing ones.
    case unknownLabel(key: String, label: String, known: [String])
    case memoryUnavailable(mebibytes: UInt64, availableMebibytes: UInt64)
    /// This process's control group doesn't allow so much memory; in bytes. `available` includes swap space.
    case controlGroup(ramSize: UInt64, ownNeed: UInt64, available: UInt64, ControlGroups.Limit)
    /// The IOMMU can't map the guest's RAM for a device at its address.
    case memoryProblem(
        device: String, mebibytes: Int, base: GuestAddress, range: String, reason: String, isFixed: Bool)
    /// Devices' DMA needs locked RAM, but this process may not lock so much; in bytes.
    case lockedMemory(device: String, needed: UInt64, limit: UInt64)
    /// Devices' DMA needs more mappings than the kernel allows.
    case mappings(device: String, wanted: Int, left: Int)
    /// The values of a register block of the host can't be read; `path` is that of its node.
    case registerBlock(path: String, errno: Errno)
    /// `dma_heap` is set, but no device needs it.
    case heapWithoutIdentity
    /// RAM is beyond the guest-physical addresses of this host.
    case bankOutOfReach(GuestRange, addressBits: Int)
    /// The IOMMU can't map the guest's RAM for a device at the address that another device needs.
    case bankProblem(device: String, GuestRange, range: String, reason: String)
    /// RAM leaves no room for a part of the board.
    case noGap(what: String, bytes: UInt64)
    /// An item that is loaded into RAM is larger than any of its banks.
    case fragmented(what: String, bytes: UInt64, largest: UInt64, banks: Int)
    /// RAM has moved in the host's memory: the first address that has, as in the report.
    case memoryMoved(String)
    /// `on_reset` is "restart", but these devices prevent a restart.
    case noRestart([RestartProblem])
    /// A vCPU can't be set up, and the host has CPUs of these kinds, each with a list of its CPUs.
    case mixedCPUs(KVMError, kinds: [String])
    /// `cpus` names a CPU that the host doesn't have, one that is offline, or one that this process may not use.
    case cpuMissing(Int, possible: String)
    case cpuOffline(Int)
    case cpuNotAllowed(Int)
    /// The process, or a vCPU's thread, can't be restricted to these CPUs for another reason.
    case affinity(cpus: String, errno: Errno)
    /// Any other system call, by name.
    case call(String, errno: Errno)

    /// The error of a device of the board that can't be described or started.
    init(_ device: any BoardDevice, _ error: any Error) {
        switch error {
        case let error as BoardDeviceError:
            switch error {
            case .bus(let error): self = .bus(error)
            case .node(let name, let error): self = .passthrough(.node(.deviceTree(device: name, error)))
            case .call(let call, let errno): self = .call("\(call) (\(device.name))", errno: errno)
            case .kvm(let error): self = .kvm(error)
            }
        case let error as PassthroughError: self = .passthrough(error)
        default: self = .deviceTree(.device(device.name, problem: "\(error)"))
        }
    }

    /// What failed, on what, why, and what to do.
    public var description: String {
        switch self {
        case .kvm(let error): error.description
        case .bus(let error): error.description
        case .guestMemory(let error): error.description
        case .passthrough(let error): error.description
        case .deviceTree(let problem): problem.description
        case .file(let key, let path, let errno):
            "\(key): \(path): \(errno.explained)"
        case .fileKind(let key, let path, let error): "\(key): \(path): \(error)"
        case .drive(let error): error.description
        case .image(let path, let problem):
            """
            boot-source.kernel_image_path: \(path): \(problem)
              \(problem.remedy(path))
            """
        case .doesNotFit(let what, let bytes, let available):
            """
            machine-config.mem_size_mib: \(what) needs \(bytes) bytes of RAM, but only \(available) are left
              increase machine-config.mem_size_mib
            """
        case .addressSpace(let mebibytes, let base, let bits):
            """
            machine-config.mem_size_mib: \(mebibytes) MiB from \(base) up do not fit into the \(bits) address bits of this \
            host's KVM
              reduce machine-config.mem_size_mib\(base == BoardLayout.ramBase ? "" : " or machine-config.ram_base")
            """
        case .busSpace(let base, let size, let bits):
            """
            machine-config.platform_bus: \(hex(size)) bytes from \(base) up do not fit into the \(bits) \
            address bits of this host's KVM
              reduce its base or size
            """
        case .overlaps(let conflicts):
            conflicts.map(\.description).joined(separator: "\n")
                + "\n  choose other addresses, or remove these keys: Martlet then chooses addresses without overlaps"
        case .treeFile(let key, let path, let problem): "\(key): \(path): \(problem)"
        case .boardOverlay(let overlay, let property, let node, let remedy):
            "\(overlay): it changes \(property.isEmpty ? "" : "\(property) of ")\(node), which only Martlet writes\n"
                + "  \(remedy)"
        case .unlabelledBase(let base, let error):
            "\(error)\n  to use labels of \(base), compile it with dtc -@: it has no __symbols__"
        case .referenceText(let key, let property, let found, let form):
            "\(key): found \(found), but \(property) takes references to nodes\n  write \(form)"
        case .overlay(.overlay(let name, .unknownLabel(let label, let node, let property, let known))):
            "\(name): no node of the guest's device tree has the label \(label), to which \(node) refers (\(property))\n  "
                + Self.suggestion(for: label, among: known)
        case .overlay(let error): error.description
        case .unknownLabel(let key, let label, let known):
            "\(key): no node of the guest's device tree has the label \(label)\n  "
                + Self.suggestion(for: label, among: known)
        case .memoryUnavailable(let mebibytes, let available):
            """
            machine-config.mem_size_mib: the guest needs \(mebibytes) MiB, but the host has only \(available) MiB left
              reduce machine-config.mem_size_mib, or free memory on the host
            """
        case .controlGroup(let ramSize, let ownNeed, let available, let limit):
            indented(
                Self.controlGroupLines(
                    ramSize: ramSize, ownNeed: ownNeed, available: available, limit: limit))
        case .memoryProblem(let device, let mebibytes, let base, let range, let reason, let isFixed):
            """
            \(device): its DMA can't reach \(mebibytes) MiB of RAM at \(isFixed ? "\(base)" : "any address"): \
            \(reason): \(range)
              \(isFixed ? "remove machine-config.ram_base, or change it" : "reduce machine-config.mem_size_mib")
            """
        case .lockedMemory(let device, let needed, let limit):
            """
            \(device): its DMA locks all of the guest's RAM, \(needed) bytes, but this process may lock only \(limit)
              run martlet as root, or give the program CAP_IPC_LOCK, or set LimitMEMLOCK=\(needed) for its service, or:
              run: ulimit -l \(needed / 1024 + (needed % 1024 == 0 ? 0 : 1))
            """
        case .mappings(let device, let wanted, let left):
            """
            \(device): its DMA needs \(wanted) mappings for the guest's RAM, but the kernel allows \(left)
              run: echo \(max(wanted, 65535)) > /sys/module/vfio_iommu_type1/parameters/dma_entry_limit
            """
        case .registerBlock(let path, let errno):
            """
            register block \(path): can't read its values from /sys/kernel/debug/regmap: \(errno.explained)
              run as root, on a kernel with debugfs, while a driver of the host uses the block; or set \
            device_tree.syscon to "none"
            """
        case .heapWithoutIdentity:
            """
            machine-config.dma_heap: no device has dma "identity"
              remove it: only dma "identity" needs a heap
            """
        case .bankOutOfReach(let range, let bits):
            """
            machine-config: the guest's RAM at \(range) of the host needs \
            \(64 - range.last.rawValue.leadingZeroBitCount) address bits, but this host's KVM offers \(bits)
              set machine-config.dma_heap to a heap at lower addresses, or reserve huge pages when the host boots
            """
        case .bankProblem(let device, let bank, let range, let reason):
            """
            \(device): its DMA can't reach RAM at \(bank), where a device with dma "identity" needs it: \
            \(reason): \(range)
              give the two devices to different guests, or set machine-config.dma_heap to a heap at other addresses
            """
        case .noGap(let what, let bytes):
            """
            machine-config: RAM and the devices' guest_address leave no room for the \(what) (\(bytes) bytes)
              reduce machine-config.mem_size_mib, or remove guest_address
            """
        case .fragmented(let what, let bytes, let largest, let count):
            """
            machine-config: \(what) needs \(bytes) contiguous bytes, but the guest's RAM is in \(count) pieces, \
            and the largest has only \(largest) left
              \(GuestMemoryError.wholeness)
            """
        case .memoryMoved(let address):
            """
            the guest's RAM has moved in the host's memory: the memory at \(address) is at another address now, and \
            devices with dma "identity" may have written to the old address
              while a guest runs, use no move_pages and take no memory offline on the host
              use a host kernel with io_uring: Martlet then pins the memory
            """
        case .noRestart(let problems): problems.map(\.description).joined(separator: "\n")
        case .mixedCPUs(let error, let kinds): Self.text(of: error, kinds: kinds)
        case .cpuMissing(let number, let possible):
            """
            machine-config.cpus: this host has no CPU \(number)
              its CPUs are \(possible)
            """
        case .cpuOffline(let number):
            """
            machine-config.cpus: CPU \(number) is offline
              run: echo 1 > /sys/devices/system/cpu/cpu\(number)/online
            """
        case .cpuNotAllowed(let number):
            """
            machine-config.cpus: this process may not run on CPU \(number): its control group excludes it (cpuset.cpus)
              add the CPU to the container (docker run --cpuset-cpus) or to the service (AllowedCPUs=)
            """
        case .affinity(let cpus, let errno):
            "machine-config.cpus: sched_setaffinity to \(cpus): \(errno.explained)"
        case .call(let name, let errno): "\(name): \(errno.explained)"
        }
    }
}

extension MachineError {
    /// Adds the name of the call to an errno, for `mapError`.
    static func call(_ name: String) -> (Errno) -> MachineError { { .call(name, errno: $0) } }
}
