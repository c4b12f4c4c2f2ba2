// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceTree
import LinuxSystem
import Passthrough
import Virtio

@testable import GuestMemory
@testable import Machine

extension Messages {
    /// Machine: kernels that can't be booted.
    mutating func addKernels() {
        let text: (KernelProblem) -> String = { "\(MachineError.image(path: "Image", $0))" }
        var header = [UInt8](repeating: 0, count: 64)
        header.replaceSubrange(0..<16, with: Array("MZ\0\0zimg".utf8) + [0, 1, 0, 0, 0, 2, 0, 0])
        header.replaceSubrange(24..<30, with: Array("xzkern".utf8))
        let zboot = ZbootImage(header)
        let foreign: [ForeignKernel] =
            [
                .compressed("xz", program: "xz -dc"), .elf(machine: 183), .elf(machine: 62), .bzImage, .zImage, .uImage,
                .fit, .deviceTree, .androidBoot, .efi,
            ] + (zboot.map { [.zboot($0)] } ?? [])
        for kernel in foreign { add(kernel) { text(.foreign($0)) } }
        // A path that a shell must see quoted.
        add(ForeignKernel.compressed("bzip2", program: "bzip2 -dc")) {
            "\(MachineError.image(path: "/my kernel's", .foreign($0)))"
        }
        add(
            KernelProblem.noImage, .shortHeader(12), .implausible(field: "text_offset"),
            .truncated(bytes: 0x1000, expected: 0x2000), .noZlib, .corruptGzip("invalid block type"), .truncatedGzip,
            .noZstd, .corruptZstd("Data corruption detected"), .truncatedZstd, .implausiblePayload, .foreign(.bzImage),
            .pageSize(65536, host: [4096, 16384]), .bigEndian, text: text)
        for bytes: [UInt8] in [[], [UInt8](repeating: 0, count: 64)] {
            do throws(ImageHeader.Problem) { _ = try ImageHeader(bytes) } catch {
                add(error) { text($0.kernelProblem(byteCount: bytes.count)) }
            }
        }
        add(ImageHeader.Problem.implausible("text_offset")) { text($0.kernelProblem(byteCount: 64)) }
    }

    /// What `run` tells at the end and on SIGUSR1.
    mutating func addReports() throws {
        let ends: [GuestEnd] = [
            .powerOff, .reset, .crashed, .hung("vcpu0: the CPU refused to enter the guest", registers: "pc 0x0"), .quit,
            .signal(15),
        ]
        for end in ends { add(end) { "\(Self.report($0).text)\nexit status: \($0.exitStatus)" } }
        var report = Self.report(.reset)
        report.restarts = 4
        report.pauses = 2
        report.droppedLogLines = 3
        report.restartRefusal = "10000000.edu: the host's kernel can't reset the device"
        report.arguments = Self.arguments
        report.memory = Self.memory
        var counts = DriveCounts()
        (counts.reads, counts.bytesRead, counts.errors) = (812, 25_165_824, 1)
        report.drives = [DriveReport(id: "rootfs", path: "/srv/rootfs.ext4", counts: counts)]
        add(RunReport.self, report.text)
        let status = SessionStatus(state: .paused, devices: [], drives: report.drives, memory: Self.memory)
        add(SessionStatus.self, status.lines.joined(separator: "\n"))
    }

    private static func report(_ end: GuestEnd) -> RunReport {
        let hasCounts = end == .reset
        return RunReport(
            end: end, devices: hasCounts ? Array(Self.sampleReports.prefix(2)) : [],
            exits: ExitCounts(
                mmioReads: 1, mmioWrites: 2, interrupted: 3, systemEvents: 4, nisvEmulated: hasCounts ? 1 : 0,
                nisvReentered: hasCounts ? 1 : 0, other: 5),
            unclaimedReads: hasCounts ? 1 : 0, unclaimedWrites: 0, droppedConsoleBytes: hasCounts ? 7 : 0, profile: [])
    }

    private static let memory = MemoryReport(
        source: "2 MiB pages", banks: [.init(address: "0x80000000", size: 0x1000_0000)], isPinned: true, notPinned: nil,
        moved: nil)

    private static var arguments: BootArguments? {
        var tree = Tree()
        tree.root.replace(Node("chosen", ["bootargs": .string("console=ttyS0")]))
        return BootArguments(of: tree, configured: nil, base: "console=ttyS0")
    }
}
