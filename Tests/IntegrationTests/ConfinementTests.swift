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

        /// The host's memory, another VM's, and the addresses on both sides of the guest's own RAM, where the host has memory, too.
        @Test func dmaBeyondTheGuestsRAMFaultsAndChangesNothing() throws {
            let log = try KernelLog()
            let page = try HostPage(outside: Self.ram)
            let bytes = page.bytes
            let neighbour = try Guest(.linux("idle", devices: [.init(HostDevices.gpio)]))
            try neighbour.process.waitForOutput("martlet-guest: idle")
            let code = try KernelPage(of: neighbour, outside: Self.ram)
            let codeBytes = try code.bytes
            let edges = [Self.ram.lowerBound - 4096, Self.ram.upperBound]
            let targets = [page.address, code.address] + edges

            let result = try Guest.run(
                .linux(
                    "edu",
                    "mem=96M martlet.buffer=0x87000000 martlet.target="
                        + targets.map { "0x" + String($0, radix: 16) }.joined(separator: ","),
                    devices: [.init(HostDevices.edu)]))

            try expectPowerOff(result)
            #expect(result.line("edu copied")?.contains(Self.marker) == true, "the DMA works where it may")
            #expect(page.bytes == bytes)
            #expect(try code.bytes == codeBytes)
            for address in edges { #expect(try physicalMemory(at: address) != Self.marker) }
            let messages = log.messages()
            for target in targets {
                // SMMUv3 architecture (IHI 0070), 7.3.12, F_TRANSLATION: the third doubleword is the address, for the write and the read.
                let digits = String(target, radix: 16)
                let word = "0x" + String(repeating: "0", count: 16 - digits.count) + digits
                #expect(messages.filter { $0.contains(word) }.count == 2, "\(word) in \(messages)")
            }
            #expect(messages.filter { $0.contains("event 0x10 received") }.count == 2 * targets.count)
            // What the device got for its reading is not what is there.
            for address in [page.address, code.address] {
                let line = result.lines("edu read").first { $0.hasSuffix("at 0x\(String(address, radix: 16))") }
                #expect(line?.contains("\(try physicalMemory(at: address))fedcba9876543210") == false)
            }
            // The VM next door goes on.
            #expect(neighbour.process.isRunning)
            neighbour.process.signal(SIGTERM)
            #expect(try neighbour.finish().status == 143)
            try expectUsable(HostDevices.edu, HostDevices.gpio)
        }

        /// With `peer_to_peer` a device reads the GPIO block's part number (DDI 0190, 3.3.10) where the guest sees it.
        @Test func devicesReachEachOtherWhereThatIsAskedFor() throws {
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

        /// edu has no reset that the kernel knows of, so a copy of 16 bytes may be on its way when the guest's memory is gone. It has
        /// to fault, once for each access, and not reach the host's memory at the guest's address.
        @Test(arguments: [SIGTERM, SIGKILL]) func dmaThatOutlivesTheGuestChangesNothing(signal: CInt) throws {
            let log = try KernelLog()
            let guest = try Guest(
                .linux("edu", "mem=96M martlet.buffer=0x87000000 martlet.endless=1", devices: [.init(HostDevices.edu)]))
            try guest.process.waitForOutput("martlet-guest: edu endless")
            guest.process.read(seconds: 0.5)

            guest.process.signal(signal)
            try guest.finish()
            usleep(500_000)

            #expect(try physicalMemory(at: 0x8700_1000) != Self.marker)
            #expect(log.messages().filter { $0.contains("event 0x") }.count <= 4)
            try expectUsable(HostDevices.edu)
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
