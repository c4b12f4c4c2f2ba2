// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Testing

@testable import Configuration

struct ProblemTests {
    static let count = "a whole number from 1 to 32"
    static let memory = "a whole number from 16 to 1048576"
    static let timeout = "a whole number from 0 to 3600000"
    static let address =
        #"a multiple of 4096 below 2^52, as a number or a string "0x…", or "host"; "#
        + #"or an array of these and "auto", one for each region"#
    static let path = "a path of 1 to 4095 bytes without NUL"
    static let line = "one line of at most 2047 bytes without NUL"
    static let name = "a device's name as in /sys/bus/platform/devices, of 1 to 255 bytes without '/' and NUL"
    static let devicePath = "a device's path, of at most 4095 bytes without NUL, as /sys/bus/platform/devices/NAME"
    static let deviceKeys =
        "host, sysfsdev, no_mmap, interrupts, irqfd, mmap_timeout_ms, storm_limit, eoi, guest_address, label, device_tree, "
        + "dma, allow_unsafe_dma, require_reset, reset, allow_unpowered, vfio_fd"

    // MARK: Types

    @Test(arguments: [
        (#"[]"#, "found an array; allowed: an object"),
        (#"null"#, "found null; allowed: an object"),
        (#"{"boot-source": "Image"}"#, #"boot-source: found "Image"; allowed: an object"#),
        (
            #"{\#(plainBootSource), "platform-devices": {"host": "a"}}"#,
            "platform-devices: found an object; allowed: an array of objects"
        ),
        (
            #"{\#(plainBootSource), "platform-devices": ["a"]}"#,
            #"platform-devices[0]: found "a"; allowed: an object"#
        ),
        (machine(#""vcpu_count": "2""#), #"machine-config.vcpu_count: found "2"; allowed: \#(count)"#),
        (machine(#""mem_size_mib": true"#), "machine-config.mem_size_mib: found true; allowed: \(memory)"),
        (boot(#""initrd_path": 5"#), "boot-source.initrd_path: found 5; allowed: \(path)"),
        (boot(#""initrd_path": true"#), "boot-source.initrd_path: found true; allowed: \(path)"),
        (boot(#""boot_args": ["quiet"]"#), "boot-source.boot_args: found an array; allowed: \(line)"),
        (device(#""host": 1"#), "platform-devices[0].host: found 1; allowed: \(name)"),
        (device(#""sysfsdev": true"#), "platform-devices[0].sysfsdev: found true; allowed: \(devicePath)"),
        (device(#""host": "a", "no_mmap": 1"#), "platform-devices[0].no_mmap: found 1; allowed: true or false"),
        (
            device(#""host": "a", "irqfd": "false""#),
            #"platform-devices[0].irqfd: found "false"; allowed: true or false"#
        ),
        (
            device(#""host": "a", "interrupts": "irq""#),
            #"platform-devices[0].interrupts: found "irq"; allowed: "auto", "irqfd", "relay", "eventfd""#
        ),
        (
            device(#""host": "a", "interrupts": 1"#),
            #"platform-devices[0].interrupts: found 1; allowed: "auto", "irqfd", "relay", "eventfd""#
        ),
        (
            device(#""host": "a", "storm_limit": -1"#),
            "platform-devices[0].storm_limit: found -1; allowed: a whole number from 0 to 1000000"
        ),
        (
            device(#""host": "a", "eoi": {"length": 4}"#),
            "platform-devices[0].eoi.offset: found nothing; allowed: a whole number from 0 to 281474976710655 "
                + "(this key is required)"
        ),
        (
            device(#""host": "a", "eoi": {"offset": 0, "lenght": 4}"#),
            "platform-devices[0].eoi.lenght: found an unknown key; allowed: region, offset, length; "
                + #"did you mean "length"?"#
        ),
        (
            device(#""host": "a", "guest_address": true"#),
            "platform-devices[0].guest_address: found true; allowed: \(address)"
        ),
    ])
    func `a wrong type`(json: String, expected: String) {
        #expect(problemsOf(json) == [expected])
    }

    // MARK: Keys that exclude each other

    @Test func `irqfd false leaves only the eventfd path`() {
        for choice in ["irqfd", "relay"] {
            #expect(
                problemsOf(device(#""host": "a", "irqfd": false, "interrupts": "\#(choice)""#)) == [
                    #"platform-devices[0].irqfd: found false, with interrupts "\#(choice)"; allowed: true, or interrupts "#
                        + #""eventfd": without KVM's irqfd there is no other path"#
                ])
        }
        for choice in ["auto", "eventfd"] {
            #expect(problemsOf(device(#""host": "a", "irqfd": false, "interrupts": "\#(choice)""#)) == [])
        }
    }

    @Test(arguments: [(#""interrupts": "irqfd""#, "irqfd"), (#""irqfd": false"#, "eventfd")])
    func `a storm limit needs the relay`(key: String, path: String) {
        #expect(
            problemsOf(device(#""host": "a", "storm_limit": 9, \#(key)"#)) == [
                "platform-devices[0].storm_limit: found 9, with interrupts on the \(path) path; allowed: 0, or "
                    + #"interrupts "auto" or "relay": only the relay sees each interrupt and its end"#
            ])
        #expect(problemsOf(device(#""host": "a", "storm_limit": 9, "interrupts": "relay""#)) == [])
    }

    // MARK: Numbers

    static let wrongNumbers = [
        "0", "33", "-1", "-0", "1.5", "2.0", "1e1", "1e300", "-1e300", "1e999999", "9223372036854775808",
        "18446744073709551616", "340282366920938463463374607431768211456",
    ]

    @Test(arguments: wrongNumbers)
    func `a number that is no vcpu_count`(number: String) {
        #expect(
            problemsOf(machine(#""vcpu_count": \#(number)"#))
                == ["machine-config.vcpu_count: found \(number); allowed: \(Self.count)"])
    }

    @Test(arguments: ["0", "15", "1048577", "-128", "128.5", "1e300"])
    func `a number that is no mem_size_mib`(number: String) {
        #expect(
            problemsOf(machine(#""mem_size_mib": \#(number)"#))
                == ["machine-config.mem_size_mib: found \(number); allowed: \(Self.memory)"])
    }

    @Test(arguments: ["-1", "3600001", "0.5", "1e3"])
    func `a number that is no mmap_timeout_ms`(number: String) {
        #expect(
            problemsOf(device(#""host": "a", "mmap_timeout_ms": \#(number)"#))
                == ["platform-devices[0].mmap_timeout_ms: found \(number); allowed: \(Self.timeout)"])
    }

    @Test func `a number of many digits is shown shortened`() {
        let number = String(repeating: "9", count: 500)
        #expect(
            problemsOf(machine(#""vcpu_count": \#(number)"#)) == [
                "machine-config.vcpu_count: found \(number.prefix(60))…, 500 bytes; allowed: \(Self.count)"
            ])
    }

    @Test(arguments: [
        "1", "2048", "4095", "4097", "-4096", "4096.0", "1e300", "4503599627370496", "18446744073709551616", #""""#,
        #""0x""#,
        #""0x1001""#, #""0x1800""#, #""0xg000""#, #""0X1000""#, #""0x-1000""#, #""0x+1000""#, #""0x 1000""#,
        #""0x0900_0000""#,
        #""4096""#, #""1000""#, #""Host""#, #""host ""#, #""0x10000000000000""#, #""0xffffffffffffffff000""#,
    ])
    func `what is no guest_address`(value: String) {
        #expect(
            problemsOf(device(#""host": "a", "guest_address": \#(value)"#))
                == ["platform-devices[0].guest_address: found \(value); allowed: \(Self.address)"])
    }

    // MARK: Strings

    @Test(arguments: ["", "a/b", "/", ".", "..", #"a\u0000"#])
    func `what is no host`(name: String) {
        let shown = name.replacing(#"\u0000"#, with: #"\u{0}"#)
        #expect(
            problemsOf(device(#""host": "\#(name)""#))
                == [#"platform-devices[0].host: found "\#(shown)"; allowed: \#(Self.name)"#])
    }

    @Test(arguments: ["", "/", "//", ".", "a/..", "/sys/./", #"/sys/\u0000"#])
    func `what is no sysfsdev`(path: String) {
        let shown = path.replacing(#"\u0000"#, with: #"\u{0}"#)
        #expect(
            problemsOf(device(#""sysfsdev": "\#(path)""#))
                == [#"platform-devices[0].sysfsdev: found "\#(shown)"; allowed: \#(Self.devicePath)"#])
    }

    @Test func `a name that is too long`() {
        let name = String(repeating: "n", count: 256)
        #expect(
            problemsOf(device(#""host": "\#(name)""#))
                == [#"platform-devices[0].host: found "\#(name.prefix(60))…, 256 bytes"; allowed: \#(Self.name)"#])
    }

    @Test func `a path that is empty, has a NUL byte or is too long`() {
        let tooLong = String(repeating: "p", count: 4096)
        let json = #"{"boot-source": {"kernel_image_path": "", "initrd_path": "a\u0000b"}}"#
        #expect(
            problemsOf(json) == [
                #"boot-source.kernel_image_path: found ""; allowed: \#(Self.path)"#,
                #"boot-source.initrd_path: found "a\u{0}b"; allowed: \#(Self.path)"#,
            ])
        #expect(
            problemsOf(boot(#""initrd_path": "\#(tooLong)""#))
                == [#"boot-source.initrd_path: found "\#(tooLong.prefix(60))…, 4096 bytes"; allowed: \#(Self.path)"#])
    }

    @Test(arguments: [
        (String(repeating: "x", count: 2048), String(repeating: "x", count: 60) + "…, 2048 bytes"),
        (String(repeating: "é", count: 1024), String(repeating: "é", count: 60) + "…, 2048 bytes"),
        (#"quiet\npanic=1"#, #"quiet\npanic=1"#),
        (#"quiet\r"#, #"quiet\r"#),
        (#"quiet\u0000"#, #"quiet\u{0}"#),
    ])
    func `what is no boot_args`(arguments: String, shown: String) {
        #expect(
            problemsOf(boot(#""boot_args": "\#(arguments)""#))
                == [#"boot-source.boot_args: found "\#(shown)"; allowed: \#(Self.line)"#])
    }

    @Test func `nothing that a terminal would obey is printed`() {
        let json = device(#""host": "/\u001b[2J\u202e\"\\", "\u001b[31m": 1"#)
        #expect(
            problemsOf(json) == [
                #"platform-devices[0].host: found "/\u{1b}[2J\u{202e}\"\\"; allowed: \#(Self.name)"#,
                #"platform-devices[0]["\u{1b}[31m"]: found an unknown key; allowed: \#(Self.deviceKeys)"#,
            ])
    }

    // MARK: Keys

    @Test(arguments: [
        (
            "{}",
            "boot-source: found nothing; allowed: an object (this key is required)"
        ),
        (
            #"{"boot-source": {}}"#,
            "boot-source.kernel_image_path: found nothing; allowed: \(path) (this key is required)"
        ),
        (
            device(#""no_mmap": true"#),
            "platform-devices[0]: found neither host nor sysfsdev; allowed: one of them, to name the device"
        ),
    ])
    func `a missing key`(json: String, expected: String) {
        #expect(problemsOf(json) == [expected])
    }

    @Test(arguments: [
        (
            #"{\#(plainBootSource), "boot_source": {}}"#,
            #"boot_source: found an unknown key; allowed: boot-source, machine-config, drives, entropy, platform-devices, device-tree, vfio, iommufd_fd, peer_to_peer, on_reset, power_key, allow_unreset_restart; did you mean "boot-source"?"#
        ),
        (
            #"{\#(plainBootSource), "drivers": []}"#,
            #"drivers: found an unknown key; allowed: boot-source, machine-config, drives, entropy, platform-devices, device-tree, vfio, iommufd_fd, peer_to_peer, on_reset, power_key, allow_unreset_restart; did you mean "drives"?"#
        ),
        (
            machine(#""vcpus_count": 2"#),
            #"machine-config.vcpus_count: found an unknown key; allowed: vcpu_count, mem_size_mib, ram_base, platform_bus, huge_pages, dma_heap, dump_guest_core, cpus; did you mean "vcpu_count"?"#
        ),
        (
            boot(#""boot_agrs": """#),
            #"boot-source.boot_agrs: found an unknown key; allowed: kernel_image_path, initrd_path, boot_args; did you mean "boot_args"?"#
        ),
        (
            device(#""host": "a", "no_mmpa": true"#),
            #"platform-devices[0].no_mmpa: found an unknown key; allowed: \#(deviceKeys); did you mean "no_mmap"?"#
        ),
        (
            device(#""host": "a", "": true"#),
            #"platform-devices[0][""]: found an unknown key; allowed: \#(deviceKeys)"#
        ),
    ])
    func `an unknown key`(json: String, expected: String) {
        #expect(problemsOf(json) == [expected])
    }

    @Test func `the keys that there are, are listed once`() {
        let devices = #""platform-devices": [{"host": "a", "x": 1}, {"host": "b", "y": 1, "no_mmpa": true}]"#
        #expect(
            problemsOf(#"{\#(plainBootSource), "one": 1, \#(devices), "machine-config": {"vcpus": 2, "ram": 3}}"#) == [
                "one: found an unknown key; allowed: boot-source, machine-config, drives, entropy, platform-devices, device-tree, vfio, "
                    + "iommufd_fd, peer_to_peer, on_reset, power_key, allow_unreset_restart",
                "platform-devices[0].x: found an unknown key; allowed: \(Self.deviceKeys)",
                "platform-devices[1].y: found an unknown key; allowed: the keys listed for platform-devices[0].x",
                "platform-devices[1].no_mmpa: found an unknown key; allowed: the keys listed for platform-devices[0].x; "
                    + #"did you mean "no_mmap"?"#,
                "machine-config.vcpus: found an unknown key; allowed: vcpu_count, mem_size_mib, ram_base, platform_bus, "
                    + #"huge_pages, dma_heap, dump_guest_core, cpus; did you mean "cpus"?"#,
                "machine-config.ram: found an unknown key; allowed: the keys listed for machine-config.vcpus",
            ])
    }

    @Test func `an unknown key of a mebibyte`() {
        let key = String(repeating: "k", count: 1 << 20)
        #expect(
            problemsOf(device(#""host": "a", "\#(key)": 1"#)) == [
                #"platform-devices[0]["\#(key.prefix(60))…, 1048576 bytes"]: found an unknown key; allowed: \#(Self.deviceKeys)"#
            ])
    }

    @Test func `a key that occurs twice`() {
        #expect(
            problemsOf(machine(#""vcpu_count": 2, "vcpu_count": 2"#))
                == ["machine-config.vcpu_count: found the key a second time; allowed: each key once"])
        #expect(
            problemsOf(#"{\#(plainBootSource), \#(plainBootSource)}"#)
                == ["boot-source: found the key a second time; allowed: each key once"])
    }

    // MARK: Devices

    @Test(arguments: [
        (#"{"host": "x.uart"}, {"host": "x.uart"}"#),
        (#"{"host": "x.uart"}, {"sysfsdev": "/sys/bus/platform/devices/x.uart"}"#),
        (#"{"sysfsdev": "/sys/devices/platform/x.uart/"}, {"host": "x.uart"}"#),
        (#"{"sysfsdev": "/sys/devices/platform/x.uart"}, {"sysfsdev": "/sys/bus/platform/devices/x.uart", "host": "y"}"#),
    ])
    func `the same device twice`(devices: String) {
        #expect(
            problemsOf(#"{\#(plainBootSource), "platform-devices": [{"host": "other"}, \#(devices)]}"#) == [
                #"platform-devices[2]: found the device "x.uart", which platform-devices[1] has already; allowed: each device once"#
            ])
    }

    @Test func `the same device three times names the first each time`() {
        let json = #"{\#(plainBootSource), "platform-devices": [{"host": "a"}, {"host": "a"}, {"host": "a"}]}"#
        #expect(
            problemsOf(json) == [
                #"platform-devices[1]: found the device "a", which platform-devices[0] has already; allowed: each device once"#,
                #"platform-devices[2]: found the device "a", which platform-devices[0] has already; allowed: each device once"#,
            ])
    }

    @Test func `devices without a usable name are not called equal`() {
        let json = #"{\#(plainBootSource), "platform-devices": [{"host": ""}, {"host": ""}, {}, {}]}"#
        #expect(problemsOf(json).count == 4)
        #expect(!problemsOf(json).contains { $0.contains("already") })
    }

    // MARK: All at once

    @Test func `all problems come at once, in the text's order, with their places`() throws {
        let json = #"""
            {
              "bootsource": {},
              "boot-source": {
                "boot_args": "é\n", "initrd_path": 7
              },
              "machine-config": { "vcpu_count": 64, "mem_size_mib": 1.5, "smt": true },
              "platform-devices": [
                { "host": "9010000.pl031", "no_mmpa": true, "irqfd": 1 },
                3,
                { "sysfsdev": "/sys/x/9010000.pl031", "guest_address": 4097 }
              ]
            }
            """#

        let error = try #require(errorOf(json))

        #expect(
            error.description == #"""
                test.json: 12 problems in the configuration
                  line 2, column 3: bootsource: found an unknown key; allowed: boot-source, machine-config, drives, entropy, platform-devices, device-tree, vfio, iommufd_fd, peer_to_peer, on_reset, power_key, allow_unreset_restart; did you mean "boot-source"?
                  line 3, column 18: boot-source.kernel_image_path: found nothing; allowed: a path of 1 to 4095 bytes without NUL (this key is required)
                  line 4, column 18: boot-source.boot_args: found "é\n"; allowed: one line of at most 2047 bytes without NUL
                  line 4, column 40: boot-source.initrd_path: found 7; allowed: a path of 1 to 4095 bytes without NUL
                  line 6, column 37: machine-config.vcpu_count: found 64; allowed: a whole number from 1 to 32
                  line 6, column 57: machine-config.mem_size_mib: found 1.5; allowed: a whole number from 16 to 1048576
                  line 6, column 62: machine-config.smt: found a key of Firecracker that Martlet doesn't support; allowed: nothing; remove it: set vcpu_count to the number of threads; the guest sees each vCPU as a core
                  line 8, column 32: platform-devices[0].no_mmpa: found an unknown key; allowed: host, sysfsdev, no_mmap, interrupts, irqfd, mmap_timeout_ms, storm_limit, eoi, guest_address, label, device_tree, dma, allow_unsafe_dma, require_reset, reset, allow_unpowered, vfio_fd; did you mean "no_mmap"?
                  line 8, column 58: platform-devices[0].irqfd: found 1; allowed: true or false
                  line 9, column 5: platform-devices[1]: found 3; allowed: an object
                  line 10, column 5: platform-devices[2]: found the device "9010000.pl031", which platform-devices[0] has already; allowed: each device once
                  line 10, column 60: platform-devices[2].guest_address: found 4097; allowed: a multiple of 4096 below 2^52, as a number or a string "0x…", or "host"; or an array of these and "auto", one for each region
                """#)
    }

    @Test func `a hundred thousand problems don't take for ever`() {
        let keys = (0..<60_000).map { #""k\#($0)":1"# }.joined(separator: ",\n")
        let devices = String(repeating: "{},", count: 40_000) + "{}"
        let error = errorOf(#"{\#(plainBootSource), "machine-config": {\#(keys)}, "platform-devices": [\#(devices)]}"#)
        #expect(error?.problems.count == 100_001)
        #expect(error?.problems.last?.line == 60_000)
    }

    @Test func `a syntax error is told with its place`() {
        #expect(
            errorOf("{\n  \"boot-source\": {\n    \"kernel_image_path\" \"Image\"\n")?.description == #"""
                test.json: the configuration is not JSON
                  line 3, column 25: found '"'; allowed: ':' after the key "kernel_image_path"
                """#)
        #expect(
            errorOf("")?.description.hasSuffix("line 1, column 1: found the end of the file; allowed: a value") == true)
        #expect(
            errorOf([0x7B, 0x0A, 0x20, 0xFF])?.description.hasSuffix(
                "line 2, column 2: found the byte 0xff; allowed: text in UTF-8") == true)
    }
}
