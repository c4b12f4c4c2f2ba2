// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceTree
import KernelFakes
import LinuxSystem
import Testing
import VFIO

@testable import Passthrough

/// What the kernel's log has of DMA that an IOMMU refused.
@Suite struct DMAFaultTests {
    /// Records of /dev/kmsg as Linux 6.12 writes them: an SMMUv3's event, a record for each of its lines.
    private static func event(_ words: [UInt64], of iommu: String = "9050000.smmuv3") -> [String] {
        [line("arm-smmu-v3 \(iommu): event 0x\(hex(words[0] & 0xFF, 2)) received:", iommu)]
            + words.map { line("arm-smmu-v3 \(iommu): \\x090x\(hex($0, 16))", iommu) }
    }

    private static func line(_ text: String, _ device: String) -> String {
        "6,339,5140900,-;\(text)\n SUBSYSTEM=platform\n DEVICE=+platform:\(device)\n"
    }

    private static func hex(_ number: UInt64, _ width: Int) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    private func faults(_ records: [String]) -> [DMAFault] {
        var parser = DMAFaultParser()
        return records.compactMap { parser.take(record: Array($0.utf8)) }
    }

    // MARK: SMMUv3

    /// As QEMU's edu caused them: a write and a read of four bytes.
    private static let write: [UInt64] = [0x8_0000_0010, 0, 0x7FFF_F000, 0]
    private static let read: [UInt64] = [0x8_0000_0010, 0x8_0000_0000, 0x8800_0000, 0]

    @Test func `events of an SMM uv 3 are read`() {
        #expect(
            faults(Self.event(Self.write) + Self.event(Self.read)) == [
                DMAFault(iommu: "9050000.smmuv3", streamID: 8, address: 0x7FFF_F000, isWrite: true),
                DMAFault(iommu: "9050000.smmuv3", streamID: 8, address: 0x8800_0000, isWrite: false),
            ])
    }

    /// Linux 6.13 and later say the same again in words.
    @Test func `decoded events are not counted twice`() {
        let decoded = [
            "arm-smmu-v3 9050000.smmuv3: event: F_TRANSLATION client: 10000000.edu sid: 0x8 ssid: 0x0 iova: 0x88000000 ipa: 0x0",
            "arm-smmu-v3 9050000.smmuv3: unpriv data read s1 \"Input address caused fault\" stag: 0x0",
        ].map { Self.line($0, "9050000.smmuv3") }
        #expect(faults(Self.event(Self.read) + decoded).count == 1)
    }

    /// With the process that printed it (CONFIG_PRINTK_CALLER), and with all that an event may have in its second word
    /// but RnW.
    @Test func `what else a record has is no matter`() {
        let records = Self.event([0x8_0000_0010, 0xFFFF_FFF7_FFFF_FFFF, 0x1000, 0x2000]).map { record in
            "6,1,2,-,caller=T99;" + record.drop { $0 != ";" }.dropFirst()
        }
        #expect(
            faults(records) == [DMAFault(iommu: "9050000.smmuv3", streamID: 8, address: 0x1000, isWrite: true)])
    }

    /// C_BAD_STE and the like are about the device as such.
    @Test func `events without an address have none`() {
        #expect(
            faults(Self.event([0xFF00_0000_0004, 0, 0x1234, 0])) == [
                DMAFault(iommu: "9050000.smmuv3", streamID: 0xFF00, address: nil, isWrite: nil)
            ])
    }

    @Test func `events of two IOMM us may be mixed`() throws {
        let one = Self.event(Self.read), other = Self.event(Self.read, of: "arm-smmu-v3.1.auto")
        let mixed = zip(one, other).flatMap { [$0, $1] }
        #expect(faults(mixed).map(\.iommu) == ["9050000.smmuv3", "arm-smmu-v3.1.auto"])
        // Of one that is cut off by the next, nothing is left.
        #expect(faults(Array(one.prefix(3)) + one).count == 1)
    }

    @Test(
        arguments: [
            "", ";", "6,1,2,-;", "6,1,2,-;arm-smmu-v3", "6,1,2,-;arm-smmu-v3 x: event 0x10 received:", "\u{FFFD}",
            "6,1,2,-;arm-smmu-v3 x: \\x090x0000000000000010", "6,1,2,-;arm-smmu-v3 x: \\x090x\n", "6,1,2,-;a b: c",
            "6,1,2,-;arm-smmu x: Unhandled context fault: fsr=0x402, iova=0x1000, fsynr=0x1", " DEVICE=+platform:x",
            "6,1,2,-;arm-smmu x: Unhandled context fault: cbfrsynra=0x", "6,1,2,-;arm-smmu-v3 x: event 0x10 received",
        ])
    func `what cannot be read is no fault`(record: String) {
        #expect(faults([record, record, record, record, record]).isEmpty)
    }

    // MARK: SMMUv2

    @Test func `faults of an SMM uv 2 are read`() {
        let name = "fd800000.iommu"
        let record = Self.line(
            "arm-smmu \(name): Unhandled context fault: fsr=0x402, iova=0xfffff000, fsynr=0x11, cbfrsynra=0x10c40, cb=2",
            name)
        let more = Self.line("arm-smmu \(name): FSR    = 00000402 [Format=2 TF], SID=0xc40", name)
        #expect(
            faults([record, more])
                == [DMAFault(iommu: name, streamID: 0xC40, address: 0xFFFF_F000, isWrite: true)])
    }

    // MARK: The log

    /// - Parameter change: what is otherwise on the host, before the devices are opened.
    private func withLog(
        _ records: [String]?, _ change: (Host) -> Void = { _ in }
    ) throws -> (Host, PlacedDevices) {
        let host = try Host()
        for (name, stream) in [("a", 8), ("b", 0x10)] as [(String, UInt32)] {
            host.add(
                name, group: Int(stream),
                properties: ["compatible": .string("test,device"), "iommus": .cells([0x8001, stream])])
            host.setIOMMU(of: name, "9050000.smmuv3")
        }
        host.add("free", group: 3, isNoIOMMU: true, properties: ["compatible": .string("arm,pl031")])
        host.kernel.withState { $0.kernelLog = records.map { $0.map { Array($0.utf8) } } }
        change(host)
        let settings = ["a", "b", "free"].map { PlacedDevice.Settings(.host($0)) }
        let devices = try PlacedDevices(
            settings, calls: host.kernel, bus: host.bus, sysfs: host.sysfs, log: host.log.log)
        return (host, devices)
    }

    private func reports(_ host: Host, _ devices: PlacedDevices) throws -> [DeviceReport] {
        let connected = try ConnectedDevices(
            devices, vm: try host.makeVM(), memory: [], loop: host.loop, log: host.log.log)
        return devices.withFaults(connected.reports())
    }

    private func line(_ report: DeviceReport) -> String? {
        report.lines.first { $0.hasPrefix("  dma faults: ") }
    }

    @Test func `each device gets its own`() throws {
        let other = Self.event(Self.read, of: "arm-smmu-v3.1.auto")
        let (host, devices) = try withLog(["6,1,2,-;eth0: link up\n"] + other + Self.event(Self.read))
        host.kernel.withState { $0.kernelLog?.append(contentsOf: Self.event(Self.read).map { Array($0.utf8) }) }

        let reports = try reports(host, devices)

        #expect(
            line(reports[0])
                == "  dma faults: at least 2 in the log of the host's kernel, the first a read at 0x88000000")
        #expect(line(reports[1]) == "  dma faults: none in the log of the host's kernel")
        #expect(line(reports[2]) == nil)
        #expect(reports[0].dma.faults?.count == 2)
        #expect(
            reports[0].dma.faults?.first == [
                .init(address: "0x88000000", access: "read"), .init(address: "0x88000000", access: "read"),
            ])
        #expect(host.kernel.held.filter { $0 == "open /dev/kmsg" }.count == 1)
        // Whoever asks again gets what has come since as well.
        host.kernel.withState { $0.kernelLog?.append(contentsOf: Self.event(Self.write).map { Array($0.utf8) }) }
        #expect(devices.withFaults(reports)[0].dma.faults?.count == 3)
    }

    @Test func `only the first faults are kept`() throws {
        let (host, devices) = try withLog((0..<50).flatMap { _ in Self.event(Self.read) })
        let faults = try #require(try reports(host, devices)[0].dma.faults)
        #expect(faults.count == 50)
        #expect(faults.first.count == 16)
    }

    @Test func `a log that cannot be read is said`() throws {
        let (host, devices) = try withLog(nil)
        #expect(
            line(try reports(host, devices)[0])
                == "  dma faults: unknown: /dev/kmsg: ENOENT (No such file or directory)")
    }

    @Test func `what is overwritten is passed over`() throws {
        let (host, devices) = try withLog(Self.event(Self.read))
        host.kernel.withState { state in
            state.beforeCall = { call in call == "read open /dev/kmsg" ? .brokenPipe : nil }
        }
        // Every read fails so: it ends all the same.
        #expect(
            line(try reports(host, devices)[0])
                == "  dma faults: none in the log of the host's kernel (older lines are lost)")
        host.kernel.withState { $0.beforeCall = nil }
        #expect(
            line(devices.withFaults(try reports(host, devices))[0])
                == "  dma faults: at least 1 in the log of the host's kernel (older lines are lost), the first a read at 0x88000000"
        )
    }

    @Test func `a driver whose log is not known is said`() throws {
        let (host, devices) = try withLog([]) { host in
            host.setIOMMU(of: "a", "ff930f00.iommu", driver: "rk_iommu")
            host.kernel.withState { $0.files["/sys/firmware/devicetree/base/soc/b/iommus"] = nil }
        }
        let reports = try reports(host, devices)
        #expect(line(reports[0]) == "  dma faults: unknown: Martlet can't read the log lines of rk_iommu")
        #expect(line(reports[1]) == "  dma faults: unknown: stream IDs unknown")
    }

    /// The log isn't even opened.
    @Test func `without an IOMMU there is nothing to look for`() throws {
        let host = try Host()
        host.add("free", group: 3, isNoIOMMU: true, properties: ["compatible": .string("arm,pl031")])
        host.kernel.withState { $0.kernelLog = [] }
        let devices = try host.open(PlacedDevice.Settings(.host("free")))
        #expect(try reports(host, devices)[0].dma.faults == nil)
        #expect(!host.kernel.journal.contains(.acquire("open /dev/kmsg")))
    }

    @Test func `the log is closed in its turn`() throws {
        let (host, devices) = try withLog([])
        _ = consume devices
        #expect(host.kernel.held.isEmpty)
        #expect(host.kernel.releasedInReverseOrder)
    }
}
