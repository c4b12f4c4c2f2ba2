// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Testing

@testable import Configuration

struct MachineConfigurationTests {
    @Test func `the smallest configuration has every default`() throws {
        let configuration = try decode(#"{"boot-source": {"kernel_image_path": "/boot/Image"}}"#)

        #expect(configuration == MachineConfiguration(bootSource: BootSource(kernelImagePath: "/boot/Image")))
        #expect(configuration.bootSource.initrdPath == nil)
        #expect(configuration.bootSource.bootArguments == nil)
        #expect(configuration.machineSize.vcpuCount == 1)
        #expect(configuration.machineSize.memoryMebibytes == 128)
        #expect(configuration.platformDevices.isEmpty)
    }

    @Test func `a device's defaults`() throws {
        let device = try #require(try decode(device(#""host": "9010000.pl031""#)).platformDevices.first)

        #expect(device == PlatformDevice(identity: .host("9010000.pl031")))
        #expect(!device.noMmap)
        #expect(device.interrupts == nil)
        #expect(device.stormLimit == 0)
        #expect(device.endOfInterrupt == nil)
        #expect(device.mmapTimeoutMilliseconds == 1100)
        #expect(device.guestAddress == .automatic)
        #expect(device.name == "9010000.pl031")
    }

    @Test func `every key is read`() throws {
        let configuration = try decode(
            #"""
            {
              "boot-source": {"kernel_image_path": "Image", "initrd_path": "initrd", "boot_args": "quiet"},
              "machine-config": {"vcpu_count": 4, "mem_size_mib": 512},
              "platform-devices": [
                {"host": "a", "no_mmap": true, "irqfd": false, "mmap_timeout_ms": 0, "guest_address": 150994944},
                {"sysfsdev": "/sys/bus/amba/devices/b", "guest_address": "host"},
                {"host": "c", "interrupts": "relay", "storm_limit": 500, "eoi": {"region": 1, "offset": 28, "length": 8}},
                {"host": "d", "interrupts": "irqfd", "eoi": {"offset": 28}}
              ]
            }
            """#)

        #expect(
            configuration
                == MachineConfiguration(
                    bootSource: BootSource(kernelImagePath: "Image", initrdPath: "initrd", bootArguments: "quiet"),
                    machineSize: MachineConfig(vcpuCount: 4, memoryMebibytes: 512),
                    platformDevices: [
                        PlatformDevice(
                            identity: .host("a"), noMmap: true, interrupts: .eventfd, mmapTimeoutMilliseconds: 0,
                            guestAddress: .fixed(0x900_0000)),
                        PlatformDevice(identity: .sysfsdev("/sys/bus/amba/devices/b"), guestAddress: .host),
                        PlatformDevice(
                            identity: .host("c"), interrupts: .relay, stormLimit: 500,
                            endOfInterrupt: .init(region: 1, offset: 28, length: 8)),
                        PlatformDevice(
                            identity: .host("d"), interrupts: .irqfd,
                            endOfInterrupt: .init(region: 0, offset: 28, length: 4)),
                    ]))
    }

    @Test func `what is said of DMA, resets and descriptors is read`() throws {
        let plain = try decode(device(#""host": "a""#))
        #expect(plain.vfio == .automatic && plain.iommufd == nil && plain.onReset == .exit)
        #expect(!plain.allowsUnresetRestart && !plain.machineSize.dumpsGuestCore)
        #expect(plain.platformDevices.map(\.dma) == [.automatic])
        #expect(plain.platformDevices.map(\.requiresReset) == [false])
        #expect(plain.platformDevices.map(\.descriptor) == [nil])

        let configuration = try decode(
            #"""
            {
              "boot-source": {"kernel_image_path": "Image"}, "vfio": "cdev", "iommufd_fd": 3, "on_reset": "restart",
              "allow_unreset_restart": true, "machine-config": {"dump_guest_core": true},
              "platform-devices": [
                {"host": "a", "dma": "iommu", "vfio_fd": 4}, {"host": "b", "dma": "none", "require_reset": true}
              ]
            }
            """#)

        #expect(configuration.vfio == .cdev && configuration.iommufd == 3 && configuration.onReset == .restart)
        #expect(configuration.allowsUnresetRestart && configuration.machineSize.dumpsGuestCore)
        #expect(configuration.platformDevices.map(\.dma) == [.iommu, .none])
        #expect(configuration.platformDevices.map(\.requiresReset) == [false, true])
        #expect(configuration.platformDevices.map(\.descriptor) == [4, nil])
    }

    @Test func `a descriptor that has no use, or two, is named`() throws {
        let error = errorOf(
            #"""
            {
              "boot-source": {"kernel_image_path": "Image"}, "iommufd_fd": 3,
              "platform-devices": [{"host": "a", "vfio_fd": 3}, {"host": "b", "vfio_fd": 2}]
            }
            """#)
        let problems = try #require(error).problems
        #expect(problems.map(\.path) == ["platform-devices[0].vfio_fd", "platform-devices[1].vfio_fd"])
        #expect(problems.map(\.found) == ["the descriptor 3, which iommufd_fd has already", "2"])
        #expect(problems.last?.allowed.contains("from 3 to 1048575") == true, "\(problems)")
        let group = try #require(
            errorOf(#"{"boot-source": {"kernel_image_path": "a"}, "vfio": "group", "iommufd_fd": 3}"#)
        ).problems
        #expect(group.map(\.path) == ["iommufd_fd"])
        #expect(group.map(\.found) == [#"3, with vfio "group""#])
    }

    @Test func `devices reach each other only where that is asked for, and not by their own files`() throws {
        #expect(try decode(device(#""host": "a""#)).peerToPeer == false)
        let boot = #""boot-source": {"kernel_image_path": "a"}"#
        #expect(try decode(#"{\#(boot), "vfio": "group", "peer_to_peer": true}"#).peerToPeer)
        let problems = try #require(errorOf(#"{\#(boot), "vfio": "cdev", "peer_to_peer": true}"#)).problems
        #expect(problems.map(\.path) == ["peer_to_peer"])
        #expect(problems.map(\.found) == [#"true, with vfio "cdev""#])
    }

    @Test func `sysfsdev takes precedence over host`() throws {
        let device = try #require(
            try decode(device(#""sysfsdev": "/sys/devices/platform/x.uart/", "host": "y""#)).platformDevices.first)

        #expect(device.identity == .sysfsdev("/sys/devices/platform/x.uart/"))
        #expect(device.name == "x.uart")
    }

    @Test(arguments: [
        ("0", 0), ("4096", 0x1000), (#""0x0""#, 0), (#""0x9010000""#, 0x901_0000),
        (#""0x00000000AbCdE000""#, 0xABCD_E000), ("4503599627366400", 0xF_FFFF_FFFF_F000),
        (#""0xfffffffffF000""#, 0xF_FFFF_FFFF_F000), (#""0x0000000000000000000001000""#, 0x1000),
    ])
    func `spellings of a fixed guest address`(json: String, address: UInt64) throws {
        let device = try #require(try decode(device(#""host": "a", "guest_address": \#(json)"#)).platformDevices.first)
        #expect(device.guestAddress == .fixed(address))
    }

    @Test(arguments: [
        ("a/b/c.json", "a/b"), ("c.json", ""), ("/c.json", "/"), ("./c.json", "."), ("a//c.json", "a/"),
    ])
    func `the folder of a file`(file: String, folder: String) {
        #expect(ConfigurationPath.folder(of: file) == folder)
    }

    @Test(arguments: [
        ("Image", "", "Image"), ("Image", "configs", "configs/Image"), ("../Image", "a/b", "a/b/../Image"),
        ("/Image", "configs", "/Image"), ("Image", "/", "/Image"), ("Image", "a/", "a/Image"),
    ])
    func `relative paths are relative to the folder`(path: String, folder: String, expected: String) throws {
        let json = #"""
            {"boot-source": {"kernel_image_path": "\#(path)", "initrd_path": "\#(path)"},
             "platform-devices": [{"sysfsdev": "\#(path)"}]}
            """#

        let configuration = try decode(json, folder: folder)

        #expect(configuration.bootSource == BootSource(kernelImagePath: expected, initrdPath: expected))
        #expect(configuration.platformDevices.map(\.identity) == [.sysfsdev(expected)])
    }

    @Test(arguments: [
        ("/a/b", "b"), ("/a/b//", "b"), ("b", "b"), ("/", ""), ("", ""), ("/a/..", ".."),
    ])
    func `the last component of a path`(path: String, name: String) {
        #expect(ConfigurationPath.lastComponent(of: path) == name)
    }

    @Test func `limits are allowed themselves`() throws {
        let longest = String(repeating: "x", count: 2047)
        #expect(try decode(boot(#""boot_args": "\#(longest)""#)).bootSource.bootArguments == longest)
        #expect(try decode(boot(#""boot_args": """#)).bootSource.bootArguments == "")
        for (vcpus, memory) in [(1, 16), (32, 1_048_576)] {
            #expect(
                try decode(machine(#""vcpu_count": \#(vcpus), "mem_size_mib": \#(memory)"#)).machineSize
                    == MachineConfig(vcpuCount: vcpus, memoryMebibytes: memory))
        }
        let name = String(repeating: "n", count: 255)
        let devices = try decode(device(#""host": "\#(name)", "mmap_timeout_ms": 3600000"#)).platformDevices
        #expect(devices == [PlatformDevice(identity: .host(name), mmapTimeoutMilliseconds: 3_600_000)])
    }

    @Test func `empty parts are allowed`() throws {
        let configuration = try decode(#"{\#(plainBootSource), "machine-config": {}, "platform-devices": []}"#)
        #expect(configuration == MachineConfiguration(bootSource: BootSource(kernelImagePath: "/Image")))
    }
}
