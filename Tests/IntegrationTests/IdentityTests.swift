// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Glibc
import Testing

extension Integration {
    /// A device that does DMA on a board without an IOMMU: the host's memory is the guest's, at the same addresses.
    @Suite(.onEmulatedHost)
    struct IdentityTests {
        private static let disk = HostDevices.virtioDisk
        private static let pageCount = 64

        init() throws { try HostDevices.bind(Self.disk) }

        private func linux(_ words: String = "", device: GuestConfiguration.Device? = nil) -> GuestConfiguration {
            .linux("vda", words, devices: [device ?? .identity(Self.disk)])
        }

        private func flat(_ name: String) -> GuestConfiguration {
            .flat(name, devices: [.identity(Self.disk)])
        }

        /// The guest's own driver has read the disk and written to it, by DMA that nothing translates.
        private func expectDiskDriven(_ result: Guest.Result, mebibytes: Int = 128) throws -> RunReport.Memory {
            try expectPowerOff(result)
            let first = try md5(of: "\(Host.deviceFiles)/virtio.img", mebibytes: 8, from: 0)
            #expect(result.line("vda ")?.hasSuffix(".virtio_mmio driver virtio-mmio") == true, "\(result.output)")
            #expect(result.line("vda sectors") == "vda sectors 131072")
            #expect(result.line("vda md5") == "vda md5 \(first)")
            let written = try md5("seq 9000000 9131071")
            #expect(result.line("vda written") == "vda written \(written)")
            let report = try result.report
            let device = try #require(report.device(Self.disk))
            #expect(device.dma.mode == "identity" && device.dma.through == nil)
            #expect(device.dma.reaches == "all host memory" && device.isolation == "none")
            #expect(device.regions.map(\.access) == ["trapped"])
            #expect(device.interrupts.map(\.trigger) == ["edge"])
            #expect((device.interrupts.first?.count ?? 0) > 0)
            #expect(
                result.errors.contains("\n  dma: identity: NOT confined, reaches all host memory\n"), "\(result.errors)"
            )
            // The banks of the report are the memory that the guest was told of.
            let memory = try #require(report.memory)
            let cells = memory.banks.map { bank in
                let address = String(bank.address.dropFirst(2))
                let size = String(bank.size, radix: 16)
                return [address, size].map { String(repeating: "0", count: 16 - $0.count) + $0 }.joined()
            }
            #expect(result.line("memory") == "memory \(cells.joined())")
            #expect(memory.banks.reduce(0) { $0 + $1.size } == mebibytes << 20)
            #expect(memory.moved == nil)
            // The host's own driver sees what the guest has written.
            try HostDevices.giveToHost(Self.disk)
            let disk = try HostDevices.disk(of: Self.disk)
            #expect(try md5(of: "/dev/\(disk)", mebibytes: 1, from: 16) == written)
            _ = try md5("dd if=/dev/zero of=/dev/\(disk) bs=1M seek=16 count=1 conv=fsync 2>&1")
            try HostDevices.bind(Self.disk)
            return memory
        }

        @Test func `guest drives its disk on huge pages`() throws {
            let pool = try HugePagePool(Self.pageCount)

            let folder = try TemporaryFolder()
            let check = try MartletProcess(["check", try linux().write(to: folder)])
            #expect(try check.waitForEnd() == 0, "\(check.errors)")
            #expect(
                check.output.contains("  dma: identity: NOT confined, reaches all host memory\n"), "\(check.output)")
            #expect(
                check.output.contains(
                    "memory: 128 MiB at the host's physical addresses (dma identity), 2 MiB pages, in "),
                "\(check.output)")
            #expect(HugePagePool.free == pool.count)

            let memory = try expectDiskDriven(try Guest.run(linux()))

            #expect(memory.source == "2 MiB pages")
            #expect(memory.pinned && memory.notPinned == nil)
            #expect(HugePagePool.free == pool.count)
        }

        /// The host has one such page, from its start on.
        @Test func `guest drives its disk on a page of 1 GiB`() throws {
            var configuration = linux()
            configuration.size.mebibytes = 1024
            configuration.size.hugePages = "1G"

            let memory = try expectDiskDriven(try Guest.run(configuration), mebibytes: 1024)

            #expect(memory.source == "1 GiB pages")
            #expect(memory.pinned && memory.notPinned == nil)
            #expect(memory.banks.map(\.size) == [1 << 30])
            #expect(memory.banks.first?.address.hasSuffix("0000000") == true)
            // It is what is taken first, and it is there again.
            configuration = flat("poweroff")
            configuration.size.mebibytes = 1024
            #expect(try Guest.run(configuration).report.memory?.source == "1 GiB pages")
        }

        @Test func `guest drives its disk in several banks`() throws {
            let pool = try HugePagePool(Self.pageCount + 2)
            // Wherever the pages are, these two keep some of them apart.
            try pool.hold { place, _ in place != 40 && place != 50 }
            #expect(HugePagePool.free == Self.pageCount)

            let memory = try expectDiskDriven(try Guest.run(linux()))

            #expect(memory.banks.count >= 3)
            #expect(HugePagePool.free == pool.count - 2)
        }

        @Test func `guest drives its disk in a heap`() throws {
            var configuration = linux()
            configuration.size.dmaHeap = "reserved"

            let memory = try expectDiskDriven(try Guest.run(configuration))

            #expect(memory.source == "heap reserved")
            #expect(memory.banks.count == 1 && memory.pinned)
            // Without huge pages it is what is taken.
            let again = try Guest.run(flat("poweroff"))
            #expect(again.status == 0, "\(again.errors)")
            #expect(try again.report.memory?.source == "heap reserved")
        }

        @Test func `fragmented memory is refused and given back`() throws {
            let pool = try HugePagePool(2 * Self.pageCount)
            try pool.hold { place, _ in place % 2 == 0 }

            try expectRefusal(
                linux(), "machine-config: the kernel \(Host.image("Image")) needs ",
                " contiguous bytes, but the guest's RAM is in 64 pieces, and the largest has only 2097152 left\n"
                    + "  reserve huge pages at boot (hugepages= on the host's kernel command line)")

            #expect(HugePagePool.free == pool.count / 2)
        }

        @Test func `what is missing is told`() throws {
            let pool = try HugePagePool(10)
            var heap = flat("poweroff")
            heap.size.dmaHeap = "reserved"
            heap.size.mebibytes = 256

            try expectRefusal(
                linux(device: .init(Self.disk)),
                "\(Self.disk): it has no IOMMU, and a virtio,mmio may do DMA",
                "set dma to \"none\"; nothing enforces that", "set dma to \"identity\" and allow_unsafe_dma to true")
            let folder = try TemporaryFolder()
            let check = try MartletProcess(["check", try linux(device: .init(Self.disk)).write(to: folder)])
            #expect(try check.waitForEnd() == 1)
            #expect(check.errors.contains("and a virtio,mmio may do DMA\n"), "\(check.errors)")
            var thoughtless = GuestConfiguration.Device.identity(Self.disk)
            thoughtless.allowsUnsafeDMA = nil
            try expectRefusal(
                linux(device: thoughtless), status: 2, "platform-devices[0].dma",
                "\"identity\" without allow_unsafe_dma",
                "can read and overwrite all memory of the host")
            try expectRefusal(
                .flat("poweroff", devices: [.identity(HostDevices.gpio)]),
                "\(HostDevices.gpio): dma is \"identity\", but an IOMMU translates")
            var few = linux()
            few.size.hugePages = "2M"
            try expectRefusal(
                few, "\(Self.disk): can't get 128 MiB of RAM at fixed host addresses",
                "  RAM needs 64 pages of 2 MiB, and the host has 10 free (/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages)",
                "  run: echo 64 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "hugepagesz=2M hugepages=64")
            try expectRefusal(heap, "  the heap reserved has no free block of 256 MiB")
            heap.size.dmaHeap = nil
            try expectRefusal(
                heap,
                "  the guest's RAM is not a multiple of 1 GiB\n  RAM needs 128 pages of 2 MiB, and the host has 10 free",
                "  /dev/dma_heap/linux,cma doesn't exist; this host has reserved\n  the heap reserved has no free block of 256 MiB"
            )
            var ordinary = GuestConfiguration.flat("poweroff", mebibytes: 32)
            ordinary.size.hugePages = "2M"
            try expectRefusal(
                ordinary,
                "machine-config.huge_pages: can't get 32 MiB for the guest: RAM needs 16 pages of 2 MiB, and the host has 10 free"
            )
            #expect(HugePagePool.free == pool.count)
        }

        /// Huge pages are taken from the memory that is kept for the heap, too, when little else is left; when the heap
        /// is asked for that, they have to go.
        @Test(arguments: [true, false]) func `pages that are not pinned may move and that is found`(isPinned: Bool)
            throws
        {
            let pool = try HugePagePool(leavingMebibytes: 80)
            // The last that it got.
            try pool.hold { _, age in age >= pool.count - 8 }
            if !isPinned { try Host.write("2", to: "/proc/sys/kernel/io_uring_disabled") }
            defer { try? Host.write("0", to: "/proc/sys/kernel/io_uring_disabled") }
            let guest = try Guest(flat("spin"))
            try guest.process.waitForOutput("A")
            try pool.shrink(to: 8)
            var heap = GuestConfiguration.flat("poweroff", mebibytes: 150, devices: [.identity(HostDevices.virtio)])
            heap.size.dmaHeap = "reserved"
            let neighbour = try Guest.run(heap)
            #expect(neighbour.status == 0, "\(neighbour.errors)")

            guest.process.signal(SIGTERM)
            let result = try guest.finish()

            withExtendedLifetime(pool) {}
            #expect(result.status == (isPinned ? 143 : 1), "\(result.errors)")
            let memory = try #require(try result.report.memory)
            #expect(memory.pinned == isPinned)
            #expect((memory.moved == nil) == isPinned)
            if let moved = memory.moved {
                #expect(memory.banks.contains { $0.address <= moved })
                #expect(
                    result.errors.contains("\n  MOVED: the memory at \(moved) is at another address now\n"),
                    "\(result.errors)")
                #expect(
                    result.errors.contains(
                        "martlet: the guest's RAM has moved in the host's memory: the memory at \(moved) is"),
                    "\(result.errors)")
            }
        }

        @Test func `every end gives the pages back`() throws {
            let pool = try HugePagePool(8)
            for signal in [SIGTERM, SIGKILL] {
                let guest = try Guest(flat("spin"))
                try guest.process.waitForOutput("A")
                #expect(HugePagePool.free == 0)
                let status = Host.text("/proc/\(guest.process.processNumber)/status")
                #expect(status.contains("VmPin:\t   16384 kB"), "\(status)")
                guest.process.signal(signal)
                #expect(try guest.finish().status == (signal == SIGTERM ? 143 : 256 + 9))
                #expect(HugePagePool.waitUntilFree(pool.count))
            }
            var configuration = flat("reset")
            configuration.onReset = "restart"
            // The disk has no reset, and RAM is the same for each guest.
            let refused = try Guest.run(configuration)
            #expect(try refused.status == 3 && refused.report.restarts == 0, "\(refused.errors)")
            #expect(
                try refused.report.exit.detail
                    == "not restarted: \(Self.disk): nothing resets the device: the host's kernel can't reset it, and Martlet "
                    + "has no recipe for virtio,mmio")
            configuration.allowsUnresetRestart = true
            let result = try Guest.run(configuration)
            #expect(try result.status == 3 && result.report.restarts == 10, "\(result.errors)")
            #expect(HugePagePool.free == pool.count)

            // Without io_uring they are held, but nothing keeps the host from moving them.
            try Host.write("2", to: "/proc/sys/kernel/io_uring_disabled")
            defer { try? Host.write("0", to: "/proc/sys/kernel/io_uring_disabled") }
            let held = try Guest.run(flat("poweroff"))
            #expect(held.status == 0, "\(held.errors)")
            #expect(try held.report.memory?.pinned == false)
            #expect(held.errors.contains(", held but not pinned (io_uring: EPERM ("), "\(held.errors)")
            #expect(HugePagePool.free == pool.count)

            // Of huge pages without any of this, too.
            var ordinary = GuestConfiguration.flat("spin")
            ordinary.size.hugePages = "2M"
            let guest = try Guest(ordinary)
            try guest.process.waitForOutput("A")
            #expect(HugePagePool.free == 0)
            guest.process.signal(SIGTERM)
            #expect(try guest.finish().report.memory == nil)
            #expect(HugePagePool.free == pool.count)
        }
    }
}
