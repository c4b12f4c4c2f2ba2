// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceOptions
import HostDevices
import LinuxSystem
import PlatformBus

@testable import GuestNodes
@testable import Passthrough

extension Messages {
    /// Passthrough.
    mutating func addPassthrough() throws {
        let name = "10000000.edu"
        guard let memory = GuestRange(base: GuestAddress(0x8000_0000), size: 0x1000_0000) else { return }
        let busy = PassthroughError.FailedPath(
            path: .irqfd, problem: .kvm(device: name, .irqfd(gsi: .init(rawValue: 40), errno: .resourceBusy)))
        let refused = PassthroughError.FailedPath(
            path: .relay, problem: .vfio(.failed(device: name, .wireInterrupt(.trigger, 0), .resourceBusy)))
        add(
            PassthroughError.host(.noSysfs(device: name, root: "/sys")),
            .unpowered(device: name, [.domain(.init(name: "pd_usb", power: .on))], .free),
            .vfio(.alreadyOpen(device: name)),
            .node(.noDeviceTreeNode(device: name)), .bus(device: name, .noSPI(name: "interrupt 0", count: 960)),
            .kvm(device: name, .vfioGroup(errno: .invalidArgument)),
            .call(device: name, "eventfd", errno: .tooManyOpenFiles),
            .noInterruptPath(device: name, interrupt: 0, isChoice: false, [busy, refused]),
            .noInterruptPath(device: name, interrupt: 0, isChoice: true, [busy]),
            .endRangeOutside(device: name, regions: [0x1000, 0x200]),
            .noReset(device: name, cause: "reset is \"none\""),
            .resetFailed(.vfio(.failed(device: name, .reset, .invalidArgument))),
            .resetStep(device: name, index: 0, step: "delay of 5 ms", problem: "the device has no region 9; it has 1"),
            .unconfinedDMA(device: name, master: "a x,net with dmas"), .translatingBus(device: name, bus: "/soc"),
            .memoryOutOfReach(device: name, memory: memory, bus: "/soc"),
            .tooManyAddresses(device: name, given: 3, regions: 1),
            .tooManyAddresses(device: name, given: 3, regions: 2),
            .offPage(device: name, region: 0, address: GuestAddress(0x0C00_1000), pageSize: 65536),
            .noHostAddress(device: name, region: 0))
        for problem in [
            RestartProblem(device: name, reason: .noReset("reset is \"none\""), isConfinable: true),
            RestartProblem(device: name, reason: .noReset("reset is \"none\""), isConfinable: false),
            RestartProblem(device: name, reason: .failedReset("EINVAL (Invalid argument)"), isConfinable: false),
        ] {
            add(RestartProblem.self, "\(problem)\n  summary: \(problem.summary)")
        }
        addFaults()
        addResets()
        for device in Self.sampleReports { add(DeviceReport.self, device.lines.joined(separator: "\n")) }
    }

    private mutating func addResets() {
        let name = "10000000.edu"
        let step = "poll region 0 offset 0x4: bits 0x1 = 0x0"
        add(
            ResetFailure.vfio(.failed(device: name, .reset, .invalidArgument)),
            .vfio(.failed(device: name, .writeRegion(0, offset: 4, size: 4), .ioError)),
            .noRegister(device: name, step: step, problem: "the device has no region 9; it has 1"),
            .timedOut(device: name, step: step, milliseconds: 100, value: 1), .noAnswer(device: name, step: step),
            .tooLong(device: name, milliseconds: 10000)
        ) { "\($0)\n  report: \($0.shortText)" }
        let register = ResetStep.Register(offset: 4)
        let steps: [ResetStep] = [
            .write(register, value: 1, mask: 1), .write(register, value: 1, mask: register.allBits),
            .set(register, mask: 1), .clear(register, mask: 1),
            .poll(register, value: 0, mask: 1, timeoutMilliseconds: 100), .delay(milliseconds: 5),
        ]
        for step in steps { add(step) { $0.text } }
        add(ResetStep.Register.self, register.text)
        add(ResetStep.Register.self, ResetStep.Register(offset: 4, width: 1).text)
        let absences: [ResetMethod.Absence] = [
            .configured, .noRecipe(compatible: "x,net"), .noRecipe(compatible: nil), .bigEndian(compatible: "x,net"),
        ]
        for absence in absences { add(absence) { $0.text } }
        let methods: [ResetMethod] = [
            .vfio, .recipe("generic-ahci", []), .steps([steps[0]]), .steps(steps), .none(.configured),
        ]
        for method in methods { add(method) { $0.text } }
        for (by, text, lines) in [("none", "none: reset is \"none\"", 0), ("vfio", "by VFIO", 1), ("none", "none", 2)] {
            let reset = DeviceReport.Reset(by: by, text: text, lineCount: lines, assertionCount: UInt64(lines))
            add(DeviceReport.Reset.self, reset.lines.joined(separator: "\n"))
        }
    }

    private mutating func addFaults() {
        typealias Faults = DeviceReport.DMA.Faults
        for faults in [
            Faults(count: 0, first: [], isLogWhole: true, reason: nil),
            Faults(
                count: 2, first: [.init(address: "0x1000", access: "write")], isLogWhole: false, reason: nil),
            Faults(count: 1, first: [.init(address: nil, access: nil)], isLogWhole: true, reason: nil),
            Faults(count: nil, first: [], isLogWhole: nil, reason: "/dev/kmsg: EPERM (Operation not permitted)"),
        ] {
            add(Faults.self, faults.text)
        }
    }

    /// What a run says of devices: one behind an IOMMU of which all is known, and others.
    static var sampleReports: [DeviceReport] {
        var counters = InterruptCounters()
        counters.raised = 5
        counters.delivered = 4
        let first = sampleReport(
            dma("iommu", "container", "guest RAM and the devices' mapped regions", others: ["10200000.sata"]),
            interrupts: [
                .init(
                    index: 0, trigger: "level", spi: 40, path: "irqfd", reasons: [], count: nil,
                    countSource: "/proc/interrupts", counters: nil),
                .init(
                    index: 1, trigger: "edge", spi: 41, path: "eventfd",
                    reasons: ["not irqfd: storm_limit needs the relay"],
                    count: 5, countSource: "martlet", counters: counters),
            ])
        return [
            first, sampleReport(dma("iommu", "iommufd", "nothing"), failure: "EINVAL (Invalid argument)"),
            sampleReport(dma("identity", nil, "all host memory"), reset: "none"),
            sampleReport(dma("none", nil, "all host memory")),
            sampleReport(dma("untranslated", nil, "all host memory")),
        ]
    }

    private static func dma(
        _ mode: String, _ through: String?, _ reaches: String, others: [String] = []
    ) -> DeviceReport.DMA {
        DeviceReport.DMA(
            mode: mode, through: through, reaches: reaches, groupOthers: others, interruptsIsolated: others.isEmpty,
            streamIDs: others.isEmpty ? [] : [0x10],
            faults: .init(count: 0, first: [], isLogWhole: true, reason: nil))
    }

    private static func sampleReport(
        _ dma: DeviceReport.DMA, interrupts: [DeviceReport.Interrupt] = [], reset: String = "vfio",
        failure: String? = nil
    ) -> DeviceReport {
        DeviceReport(
            host: "10000000.edu", group: 3, isolation: dma.through == nil ? "none" : "iommu", dma: dma,
            reset: .init(by: reset, text: reset, lineCount: 0, assertionCount: 0),
            resetFailure: failure,
            regions: [
                .init(
                    index: 0, access: "trapped", hostAddress: "0x10000000", guestAddress: "0xc000000", size: 512,
                    reads: 3,
                    writes: 4, failures: interrupts.isEmpty ? 0 : 1)
            ], interrupts: interrupts, unmaps: UInt64(interrupts.count), maps: 1, refusedUnmaps: 1, nisvEmulated: 1,
            nisvAborted: 2)
    }
}
