// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Glibc
import Testing

extension Integration {
    /// What a device that its guest drives can't reach: QEMU's edu copies from and to any address that it is told.
    @Suite(.onEmulatedHost)
    struct ConfinementTests {
        /// A guest of 128 MiB.
        private static let ram: Range<UInt64> = 0x8000_0000..<0x8800_0000
        /// What the guest tries to write.
        private static let marker = "89abcdef"

        init() throws { try HostDevices.bind(HostDevices.edu) }

        /// The host's memory, another VM's, the addresses on both sides of the guest's own RAM, where the host has
        /// memory, too, and the registers of another device of the guest's.
        @Test func `dma beyond the guests RAM faults and changes nothing`() throws {
            let log = try KernelLog()
            let page = try HostPage(outside: Self.ram)
            let bytes = page.bytes
            let neighbour = try Guest(.linux("idle", devices: [.init(HostDevices.isolatedVirtio)]))
            try neighbour.process.waitForOutput("martlet-guest: idle")
            let code = try KernelPage(of: neighbour, outside: Self.ram)
            let codeBytes = try code.bytes
            let edges = [Self.ram.lowerBound - 4096, Self.ram.upperBound]
            let peer = GuestConfiguration.Device(HostDevices.gpio, guestAddress: "0x20000000")
            // Each is written to and read from: not more than the ten faults that the kernel logs within a few seconds.
            let targets = [page.address, code.address] + edges + [0x2000_0000]

            let result = try Guest.run(
                .linux(
                    "edu",
                    "mem=96M martlet.buffer=0x87000000 martlet.target="
                        + targets.map { "0x" + String($0, radix: 16) }.joined(separator: ","),
                    devices: [.init(HostDevices.edu), peer]))

            try expectPowerOff(result)
            #expect(result.line("edu copied")?.contains(Self.marker) == true, "the DMA works where it may")
            #expect(page.bytes == bytes)
            #expect(try code.bytes == codeBytes)
            for address in edges { #expect(try physicalMemory(at: address) != Self.marker) }
            let messages = log.messages()
            for target in targets {
                // SMMUv3 architecture (IHI 0070), 7.3.12, F_TRANSLATION: the third doubleword is the address, for the
                // write and the read.
                let digits = String(target, radix: 16)
                let word = "0x" + String(repeating: "0", count: 16 - digits.count) + digits
                #expect(messages.filter { $0.contains(word) }.count == 2, "\(word) in \(messages)")
            }
            #expect(messages.filter { $0.contains("event 0x10 received") }.count == 2 * targets.count)
            // The report has them, and has them as this device's only.
            let devices = try result.report.devices
            #expect(
                devices[0].dma.faults?.first
                    == targets.flatMap { target in
                        ["write", "read"].map { .init(address: "0x" + String(target, radix: 16), access: $0) }
                    })
            #expect(devices.map(\.dma.faults?.count) == [2 * targets.count, 0])
            #expect(
                result.errors.contains(
                    "  dma faults: at least 10 in the log of the host's kernel, the first a write at "
                        + "0x\(String(page.address, radix: 16))\n"), "\(result.errors)")
            // What the device got for its reading is not what is there.
            for address in [page.address, code.address] {
                let line = result.lines("edu read").first { $0.hasSuffix("at 0x\(String(address, radix: 16))") }
                #expect(line?.contains("\(try physicalMemory(at: address))fedcba9876543210") == false)
            }
            // The VM next door goes on.
            #expect(neighbour.process.isRunning)
            neighbour.process.signal(SIGTERM)
            let other = try neighbour.finish()
            #expect(other.status == 143)
            #expect(try other.report.devices.map(\.dma.faults?.count) == [0])
            try expectUsable(HostDevices.edu, HostDevices.gpio, HostDevices.isolatedVirtio)
        }

        /// With `peer_to_peer` a device reads the GPIO block's part number (DDI 0190, 3.3.10) where the guest sees it.
        @Test func `devices reach each other where that is asked for`() throws {
            let log = try KernelLog()
            let page: UInt64 = 0xc00_0000
            var configuration = GuestConfiguration.linux(
                "edu", "mem=96M martlet.buffer=0x87000000 martlet.target=0x\(String(page + 0xfe0, radix: 16))",
                devices: [
                    .init(HostDevices.gpio, guestAddress: "0x\(String(page, radix: 16))"), .init(HostDevices.edu),
                ])
            configuration.peerToPeer = true

            let result = try Guest.run(configuration)

            try expectPowerOff(result)
            #expect(result.line("edu read")?.hasPrefix("edu read 0123456700000061") == true, "\(result.output)")
            #expect(result.errors.contains("reaches guest RAM and the devices' mapped regions only"))
            #expect(log.messages().filter { $0.contains("event 0x") } == [])
        }

        /// edu has no reset that the kernel knows of, so a copy of 16 bytes may be on its way when the guest's memory
        /// is gone. It has to fault, once for each access, and not reach the host's memory at the guest's address.
        @Test(arguments: [SIGTERM, SIGKILL]) func `dma that outlives the guest changes nothing`(signal: CInt) throws {
            let log = try KernelLog()
            let guest = try Guest(
                .linux("edu", "mem=96M martlet.buffer=0x87000000 martlet.endless=1", devices: [.init(HostDevices.edu)]))
            try guest.process.waitForOutput("martlet-guest: edu endless")
            guest.process.read(seconds: 0.5)

            guest.process.signal(signal)
            let result = try guest.finish()
            usleep(500_000)

            #expect(try physicalMemory(at: 0x8700_1000) != Self.marker)
            #expect(log.messages().filter { $0.contains("event 0x") }.count <= 4)
            if signal == SIGTERM {
                #expect(try #require(try result.report.device(HostDevices.edu)?.dma.faults?.count) <= 4)
            }
            try expectUsable(HostDevices.edu)
        }

        /// The same when the guest powers off by itself, right after it has begun a copy.
        @Test func `dma that outlives a power off faults and changes nothing`() throws {
            var faults = 0
            // On a busy machine the copy may be done before the memory is gone.
            for _ in 0..<10 where faults == 0 {
                let log = try KernelLog()

                let result = try Guest.run(
                    .flat("edu", devices: [.init(HostDevices.edu, guestAddress: "0xc000000")]))
                usleep(300_000)

                #expect(result.status == 0, "\(result.errors)")
                #expect(try physicalMemory(at: 0x8080_0000) != Self.marker)
                let messages = log.messages()
                faults = messages.filter { $0.contains("event 0x10 received") }.count
                #expect(faults <= 4)
                #expect(faults == 0 || messages.contains { $0.contains("0x0000000080800000") }, "\(messages)")
            }
            #expect(faults > 0)
            try expectUsable(HostDevices.edu)
        }

        /// With `dma: "none"` not even the guest's own memory is within reach.
        @Test func `device that is to do no DMA reaches nothing`() throws {
            var device = GuestConfiguration.Device(HostDevices.edu)
            device.dma = "none"

            let result = try Guest.run(.linux("edu", "mem=96M martlet.buffer=0x87000000", devices: [device]))

            try expectPowerOff(result)
            #expect(result.line("edu copied")?.contains(Self.marker) == false, "\(result.output)")
            let faults = try #require(try result.report.devices.first?.dma.faults)
            #expect(faults.first.first == .init(address: "0x87000000", access: "read"))
            #expect(faults.first.contains(.init(address: "0x87001000", access: "write")))
        }
    }
}

/// A page of a Linux guest's code, which doesn't change.
private struct KernelPage {
    let address: UInt64
    private let memory: Descriptor
    private let offset: off_t

    init(of guest: Guest, outside excluded: Range<UInt64>) throws {
        let process = guest.process.processNumber
        let maps = Host.text("/proc/\(process)/maps").split(separator: "\n")
        let line = try #require(maps.first { $0.contains("memfd:martlet-guest-ram") })
        let base = try #require(line.split(separator: "-").first.flatMap { UInt($0, radix: 16) })
        // The code begins where RAM does, and is larger than this.
        for offset in stride(from: UInt(0x20_0000), to: 0x50_0000, by: HostPage.size) {
            let address = try HostPage.physicalAddress(of: base + offset, in: "\(process)")
            if excluded.contains(address) { continue }
            self.address = address
            self.offset = off_t(base + offset)
            memory = try Descriptor("/proc/\(process)/mem", O_RDONLY)
            return
        }
        throw TestError("no page of the guest lies outside \(excluded)")
    }

    var bytes: [UInt8] {
        get throws {
            var bytes = [UInt8](repeating: 0, count: HostPage.size)
            guard pread(memory.rawValue, &bytes, bytes.count, offset) == bytes.count else {
                throw TestError("can't read the guest's memory")
            }
            return bytes
        }
    }
}

/// The four bytes at an address of the host's memory, as a number of the machine's byte order.
private func physicalMemory(at address: UInt64) throws -> String {
    let memory = try Descriptor("/dev/mem", O_RDONLY)
    var word: UInt32 = 0
    guard pread(memory.rawValue, &word, 4, off_t(address)) == 4 else { throw TestError("can't read /dev/mem") }
    let digits = String(word, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
}
