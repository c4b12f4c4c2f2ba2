// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import CLinux
import FoundationEssentials
import Glibc
import LinuxSystem

/// The emulated host's devices for passthrough.
enum HostDevices {
    /// AMBA, one mappable region, one level interrupt, no IOMMU.
    static let rtc = "9010000.pl031"
    /// AMBA, one mappable region, one level interrupt, in an IOMMU group.
    static let gpio = "9030000.pl061"
    /// Platform, a region of 512 bytes, an edge interrupt, no IOMMU.
    static let virtio = "a003e00.virtio_mmio"
    /// The same with a disk of 64 MiB behind it. It does real DMA, which nothing translates.
    static let virtioDisk = "a003a00.virtio_mmio"
    /// The same in an IOMMU group.
    static let isolatedVirtio = "a003c00.virtio_mmio"

    static let all = [rtc, gpio, virtio, isolatedVirtio]

    /// The same in an IOMMU group for which the addresses of the first 16 MiB from 2 GiB on are reserved.
    static let reservedVirtio = "a003800.virtio_mmio"

    /// Platform, a mappable region, a level interrupt, DMA behind the IOMMU: a disk of 64 MiB, the same at USB, and an
    /// example of a device without any driver.
    static let sata = "10100000.sata"
    static let usb = "10110000.usb"
    static let edu = "10000000.edu"
    /// A 16550 (platform) and a PL011 (AMBA), connected by a cable, each in an IOMMU group.
    static let serial = "3eff1000.serial"
    static let uart = "9000000.pl011"

    static let soc = [sata, usb, edu, serial, uart]

    /// Platform, no region, no interrupt, no IOMMU: it refers to `gpio`.
    static let keys = "gpio-keys"

    /// The name of the host's disk behind a controller, which the controller finds after a while.
    static func disk(of device: String) throws -> String {
        for _ in 0..<200 {
            let disk = try FileManager.default.contentsOfDirectory(atPath: "/sys/block").first {
                try FileManager.default.destinationOfSymbolicLink(atPath: "/sys/block/\($0)").contains(device)
            }
            if let disk {
                // QEMU's AHCI controller fails a command whose list of segments crosses into a page that isn't adjacent
                // in the host's memory; a list of eight segments never does. The kernel accepts a page or more.
                try Host.write("\(max(32, Host.pageSize / 1024))", to: "/sys/block/\(disk)/queue/max_sectors_kb")
                return disk
            }
            usleep(100_000)
        }
        throw TestError("the host finds no disk behind \(device)")
    }

    static func bus(of device: String) -> String {
        Host.exists("/sys/bus/amba/devices/\(device)") ? "amba" : "platform"
    }

    static func folder(_ device: String) -> String { "/sys/bus/\(bus(of: device))/devices/\(device)" }

    /// The driver of the device.
    static func driver(of device: String) -> String? { linkName("\(folder(device))/driver") }

    /// The device's IOMMU group; VFIO creates one for a device without an IOMMU.
    static func group(of device: String) -> Int? { linkName("\(folder(device))/iommu_group").flatMap { Int($0) } }

    /// The file through which a process opens the device's group.
    static func groupFile(of device: String) throws -> String {
        guard let group = group(of: device) else { throw TestError("\(device) is in no group") }
        let files = ["/dev/vfio/\(group)", "/dev/vfio/noiommu-\(group)"]
        guard let file = files.first(where: Host.exists) else { throw TestError("no \(files)") }
        return file
    }

    /// The device's own file in /dev/vfio/devices.
    static func deviceFile(of device: String) throws -> String {
        let names = try FileManager.default.contentsOfDirectory(atPath: "\(folder(device))/vfio-dev")
        guard let name = names.first else { throw TestError("\(device) has no file of its own") }
        return "/dev/vfio/devices/\(name)"
    }

    static func bindAll() throws {
        for device in all { try bind(device) }
    }

    /// Gives a device to VFIO.
    static func bind(_ device: String) throws {
        let driver = "vfio-\(bus(of: device))"
        if self.driver(of: device) == driver { return }
        try rebind(device, to: driver)
    }

    /// Gives a device to the host's driver that matches it, if there is one.
    static func giveToHost(_ device: String) throws { try rebind(device, to: "") }

    /// Leaves a device without a driver.
    static func unbind(_ device: String) throws {
        if driver(of: device) != nil { try Host.write(device, to: "\(folder(device))/driver/unbind") }
    }

    private static func rebind(_ device: String, to driver: String) throws {
        try unbind(device)
        try Host.write(driver + "\n", to: "\(folder(device))/driver_override")
        // The kernel answers EINVAL when no driver accepts it: the result is checked below.
        try? Host.write(device, to: "/sys/bus/\(bus(of: device))/drivers_probe")
        guard driver.isEmpty || self.driver(of: device) == driver else {
            throw TestError("\(device) did not bind to \(driver), but to \(self.driver(of: device) ?? "none")")
        }
    }

    /// How often each interrupt line has fired, by Linux's number; unlike /proc/interrupts it includes lines without a
    /// handler.
    static func interruptCounts() -> [Int: Int] {
        var counts: [Int: Int] = [:]
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/sys/kernel/irq")) ?? [] {
            guard let line = Int(name) else { continue }
            counts[line] = Host.text("/sys/kernel/irq/\(name)/per_cpu_count").split(separator: ",")
                .reduce(0) { $0 + (Int($1) ?? 0) }
        }
        return counts
    }

    /// The lines in /proc/interrupts with VFIO's handlers.
    static func vfioLines() -> [Int] {
        Host.text("/proc/interrupts").split(separator: "\n").filter { $0.contains("vfio-irq[") }
            .compactMap { $0.split(separator: ":").first.flatMap { Int($0.filter(\.isNumber)) } }
    }

    private static func linkName(_ path: String) -> String? {
        guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: path) else { return nil }
        return target.split(separator: "/").last.map(String.init)
    }
}
