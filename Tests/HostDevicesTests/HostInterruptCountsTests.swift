// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import KernelFakes
import LinuxSystem
import Testing

@testable import HostDevices

@Suite struct HostInterruptCountsTests {
    private func parse(_ text: String) -> HostInterruptCounts { HostInterruptCounts(parsing: Array(text.utf8)) }

    private let fourCPUs = """
                   CPU0       CPU1       CPU2       CPU3
         11:       1203       1187       1190       1201     GICv3  27 Level     arch_timer
         21:          3          0          2          1     GICv3  34 Level     vfio-irq[21](vfio-amba-00141031)
         48:          0          7          0          0     GICv3  55 Edge      vfio-irq[48](a003e00.virtio_mmio)
        IPI0:        12         10          9          8       Rescheduling interrupts
        Err:          0
        """

    @Test func `adds up all CPUs of VFI os lines`() {
        #expect(parse(fourCPUs).counts == [21: 6, 48: 7])
    }

    @Test func `one CPU is enough`() {
        #expect(
            parse(" 21:         20     GICv3  34 Level     vfio-irq[21](9010000.pl031)\n").counts == [21: 20])
    }

    @Test func `a handler beside others on a line is found`() {
        #expect(
            parse(" 21: 5 GICv3 34 Level other, vfio-irq[21](9010000.pl031)\n").counts == [21: 5])
    }

    @Test(arguments: [
        "", "\n", "   CPU0\n", " 21: 5 GICv3 34 Level rtc-pl031\n", "x: 5 vfio-irq[1](a)\n", "21 5 vfio-irq[1](a)\n",
        "vfio-irq[1](a)\n", ":\n", "-1 : 5 vfio-irq[1](a)",
    ])
    func `what is no line of VFI os is left out`(text: String) {
        #expect(parse(text).counts.isEmpty)
    }

    @Test func `a line without counts has none`() {
        #expect(parse("21: GICv3 vfio-irq[21](a)").counts == [21: 0])
    }

    @Test func `counts that are too large do not trap`() {
        let largest = UInt64.max
        #expect(parse("21: \(largest) 2 GICv3 vfio-irq[21](a)").counts == [21: 1])
        #expect(parse("21: 99999999999999999999999 2 GICv3 vfio-irq[21](a)").counts == [21: 2])
    }

    @Test func `new numbers come in order`() {
        let before = parse("21: 1 GICv3 vfio-irq[21](a)")
        let after = parse("48: 1 x vfio-irq[48](b)\n21: 4 x vfio-irq[21](a)\n30: 1 x vfio-irq[30](b)")
        #expect(after.numbers(newSince: before) == [30, 48])
        #expect(before.numbers(newSince: after).isEmpty)
    }

    @Test func `a file that cannot be read tells nothing`() {
        #expect(throws: Errno.noSuchFileOrDirectory) { try HostInterruptFile(FakeKernel()) }
    }

    @Test func `the file is read anew each time, however long it is`() throws {
        let kernel = FakeKernel()
        kernel.addFile("/proc/interrupts", "")
        do {
            let file = try HostInterruptFile(kernel)
            #expect(file.counts().counts.isEmpty)
            let others = String(repeating: " 11: 9 GICv3 27 Level arch_timer\n", count: 1000)
            kernel.addFile("/proc/interrupts", others + "21: 7 GICv3 34 Level vfio-irq[21](a)\n")
            #expect(file.counts().counts == [21: 7])
            kernel.withState { state in state.beforeCall = { $0.hasPrefix("pread") ? .ioError : nil } }
            #expect(file.counts().counts.isEmpty)
        }
        #expect(kernel.held.isEmpty)
    }
}
