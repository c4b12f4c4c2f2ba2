// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Board
import Devices
import LinuxSystem
import PlatformBus

@testable import DeviceTree
@testable import GuestNodes
@testable import Machine
@testable import Passthrough

extension Messages {
    /// Machine: errors.
    mutating func addMachine() throws {
        let device = "10000000.edu"
        let base = GuestAddress(0x8000_0000)
        guard let range = GuestRange(base: base, size: 0x1000_0000) else { return }
        let limit = ControlGroups.Limit(path: "/sys/fs/cgroup/a/memory.max", bytes: 0x800_0000)
        let conflict = AddressConflict(
            part: .init(name: "RAM", key: "machine-config.ram_base", range: range),
            owner: .init(name: "serial port", key: nil, range: range))
        let lost = MachineError.overlay(
            .overlay("a.dtbo", .unknownLabel("urat", node: "/fragment@0", property: "target", known: ["gic", "uart"])))
        add(
            MachineError.kvm(.noInterruptController), .bus(.noSPI(name: "serial port", count: 960)),
            .guestMemory(.memoryCheck(.addressesHidden)), .passthrough(.vfio(.alreadyOpen(device: device))),
            .deviceTree(.tree(.noPhandleLeft)),
            .file(key: "boot-source.initrd_path", path: "initrd", errno: .noSuchFileOrDirectory),
            .fileKind(key: "boot-source.initrd_path", path: "initrd", .wrongKind(.directory)),
            .drive(.kind(.fifo, key: "drives[0].path_on_host", path: "disk.img")), .image(path: "Image", .noImage),
            .doesNotFit(what: "the kernel Image", bytes: 0x4000_0000, available: 0x1000_0000),
            .addressSpace(mebibytes: 0x10_0000, base: BoardLayout.ramBase, addressBits: 40),
            .addressSpace(mebibytes: 0x10_0000, base: GuestAddress(0x4000_0000), addressBits: 40),
            .busSpace(base: GuestAddress(0x100_0000_0000), size: 0x1000_0000, addressBits: 40), .overlaps([conflict]),
            .treeFile(key: "device-tree.base", path: "base.dts", .noCompiler), lost,
            .overlay(.overlay("a.dtbo", .noFragment)),
            .boardOverlay(
                overlay: "a.dtbo", property: "reg", node: "/memory@80000000", remedy: "remove it from the overlay"),
            .boardOverlay(overlay: "a.dtbo", property: "", node: "/intc@8000000", remedy: "remove it from the overlay"),
            .unlabelledBase("device-tree.base: base.dtb", lost),
            .referenceText(
                key: "platform-devices[0].device_tree.properties.phy-handle", property: "phy-handle", found: "\"&phy\"",
                form: "{\"phandle\": \"phy\"}"),
            .unknownLabel(key: "platform-devices[0].device_tree.properties.x", label: "urat", known: ["gic", "uart"]),
            .memoryUnavailable(mebibytes: 4096, availableMebibytes: 512),
            .controlGroup(ramSize: 0x1000_0000, ownNeed: 0xC0_0000, available: 0x800_0000, limit),
            .controlGroup(ramSize: 0x1000_0000, ownNeed: 0xC0_0000, available: 0xC00_0000, limit),
            .memoryProblem(
                device: device, mebibytes: 256, base: base, range: "\(range)", reason: "the IOMMU can't map them",
                isFixed: true),
            .memoryProblem(
                device: device, mebibytes: 256, base: base, range: "\(range)", reason: "the IOMMU can't map them",
                isFixed: false),
            .lockedMemory(device: device, needed: 0x1000_0000, limit: 65536),
            .mappings(device: device, wanted: 70000, left: 65535), .heapWithoutIdentity,
            .registerBlock(path: "/syscon@a017000", errno: .noSuchFileOrDirectory),
            .bankOutOfReach(range, addressBits: 40),
            .bankProblem(device: device, range, range: "\(range)", reason: "the IOMMU can't map them"),
            .noGap(what: "platform bus", bytes: 0x1000_0000),
            .fragmented(what: "the kernel Image", bytes: 0x200_0000, largest: 0x100_0000, banks: 4),
            .memoryMoved("0x80000000"),
            .noRestart([RestartProblem(device: device, reason: .noReset("reset is \"none\""), isConfinable: false)]),
            .mixedCPUs(.vcpuInit(index: 1, errno: .invalidArgument), kinds: []),
            .mixedCPUs(.vcpuInit(index: 1, errno: .invalidArgument), kinds: ["0-3", "4-5"]),
            .cpuMissing(9, possible: "0-3"), .cpuOffline(2), .cpuNotAllowed(2),
            .affinity(cpus: "0-3", errno: .invalidArgument), .call("epoll_create1", errno: .tooManyOpenFiles))
        add(AddressConflict.self, "\(conflict)")
        addBoardErrors()
        addTreeProblems()
        add(SessionProblem.alreadyPaused, .notPaused, .noPowerKey, .ended)
        add(
            InstructionEmulator.Problem.aarch32, .exceptionLevel(2), .bigEndianData, .fetch(.outsideRegime),
            .noInstruction(at: 0x1000), .instruction(.unknown), .address(0x1000, .invalid(level: 3)),
            .forbidden(0x1000),
            .notOneRegion(0x1000), .changed)
    }

    private mutating func addBoardErrors() {
        let text: (BoardDeviceError) -> String = { "\(MachineError(PowerKey(), $0))" }
        add(
            BoardDeviceError.bus(.noSPI(name: "sample", count: 960)),
            .kvm(.ioeventfd(address: 0x0A00_0050, errno: .noSpace)), .node(device: "sample", .noPhandleLeft),
            .call("timerfd_create", errno: .tooManyOpenFiles), text: text)
    }

    private mutating func addTreeProblems() {
        let lost = LostReference(
            node: "/soc/uart@1", property: "clocks", phandle: 5, reason: .noNode, isPlain: true, isEnabled: true)
        let interrupt = LostReference(
            node: "/soc/uart@1", property: "interrupt-parent", phandle: 5, reason: .noController, isPlain: true,
            isEnabled: true)
        let references = [
            DanglingReference(lost), DanglingReference(interrupt),
            DanglingReference(interrupt, removed: "/soc/gic@8000000"),
        ]
        for reference in references { add(DanglingReference.self, "\(reference)") }
        add(
            GuestTreeProblem.tree(.noPhandleLeft), .reference(references[0]),
            .duplicateLabel("edu", node: "/platform/edu@c000000", other: "/pl011@9000000"),
            .device("serial port", problem: "an error"))
        let text: (TreeFileProblem) -> String = {
            "\(MachineError.treeFile(key: "device-tree.base", path: "base.dts", $0))"
        }
        add(
            TreeFileProblem.file(.failed(.noSuchFileOrDirectory)), .tooLarge(limit: 0x20_0000, maker: nil),
            .tooLarge(limit: 0x20_0000, maker: "dtc"), .noCompiler, .noPreprocessor(command: "cpp base.dts | dtc -"),
            .program("dtc", .permissionDenied),
            .failed(program: "dtc", signal: nil, messages: ["base.dts:3.1: syntax error"]),
            .failed(program: "dtc", signal: 9, messages: []), .tree(.malformedBlob(.badLength, offset: 4)),
            .rootCells(property: "#size-cells", found: .cell(1)),
            .busCells(property: "#size-cells", bus: "platform", found: .cell(1)),
            .interruptCells(controller: "/gic@8000000", found: .cell(1)), .interrupt(references[1]), text: text)
    }
}
