// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import ArgumentParser
import Foundation
import KernelFakes
import LinuxSystem
import Testing

@testable import martlet

/// The built program: its exit statuses and what it says.
@Suite(.enabled(if: builtProgram != nil, "the martlet executable is not beside the test bundle"))
struct CommandLineTests {
    private func run(
        _ arguments: String..., output: String? = nil
    ) throws -> HostTool.Result {
        try #require(builtProgram).run(arguments, output: output)
    }

    // MARK: Usage

    @Test(arguments: [
        [], ["unknown"], ["run"], ["run", "a", "b"], ["run", "--unknown", "x"], ["run", "x", "--log-level", "loud"],
        ["dtb"], ["check"], ["--unknown"], ["run", "--report"],
    ])
    func aWrongCommandLineIsStatus2(arguments: [String]) throws {
        let result = try #require(builtProgram).run(arguments)
        // No command at all is a request for help, which says what there is.
        #expect(result.status == (arguments.isEmpty ? 0 : 2), "\(result)")
        #expect(arguments.isEmpty ? result.text.contains("USAGE") : result.messages.contains("Usage"), "\(result)")
    }

    @Test(arguments: [["--help"], ["run", "--help"], ["check", "--help"], ["dtb", "--help"], ["help", "run"]])
    func helpIsStatus0OnStandardOutput(arguments: [String]) throws {
        let result = try #require(builtProgram).run(arguments)
        #expect(result.status == 0)
        #expect(result.text.contains("USAGE: martlet"))
        #expect(result.messages.isEmpty)
    }

    @Test func helpNamesEveryCommand() throws {
        let text = try run("--help").text
        for command in ["run", "check", "dtb", "devices", "bind", "release"] {
            #expect(text.contains("\n  \(command) "))
        }
    }

    @Test func theVersionIsOneLine() throws {
        let result = try run("--version")
        #expect(result.status == 0)
        #expect(result.text.hasPrefix("martlet "))
        #expect(result.text.split(separator: "\n").count == 1)
    }

    // MARK: Configuration errors

    @Test(arguments: ["run", "check", "dtb"])
    func everyProblemOfAConfigurationIsListed(command: String) throws {
        let folder = try ConfigurationFolder(
            machine: #"{"vcpu_count": 0, "mem_size": 128}"#, devices: #"[{"host": "a"}, {"no_mmap": 1}]"#)
        let result = try run(command, folder.config)
        #expect(result.status == 2)
        #expect(result.output.isEmpty)
        #expect(result.messages.hasPrefix("martlet: \(folder.config): 4 problems in the configuration\n"))
        for path in ["machine-config.vcpu_count", "machine-config.mem_size", "platform-devices[1].no_mmap"] {
            #expect(result.messages.contains(path), "\(path): \(result.messages)")
        }
        // The nearest known key.
        #expect(result.messages.contains("mem_size_mib"))
    }

    @Test(arguments: ["run", "check", "dtb"])
    func aConfigurationThatIsNotThereIsStatus2(command: String) throws {
        let result = try run(command, "/nonexistent/vm.json")
        #expect(result.status == 2)
        #expect(
            result.messages.hasPrefix(
                "martlet: /nonexistent/vm.json: the configuration can't be read: ENOENT (No such file or directory)"))
    }

    @Test func whatIsNotJSONIsStatus2() throws {
        let folder = try ConfigurationFolder()
        try folder.write("vm.json", Array("{ boot".utf8))
        let result = try run("run", folder.config)
        #expect(result.status == 2)
        #expect(result.messages.contains("the configuration is not JSON"))
    }

    // MARK: run and check

    #if !arch(arm64)
    /// The parser is left out for `run CONFIG`, and comes in with an option: both say the same.
    @Test(arguments: [[], ["--log-level", "debug"], ["--report", "/dev/null"]])
    func runRefusesAHostThatIsNotARM(options: [String]) throws {
        let folder = try ConfigurationFolder()
        let result = try #require(builtProgram).run(["run", folder.config] + options)
        #expect(result.status == 1)
        #expect(result.output.isEmpty)
        #expect(result.messages.contains("martlet: /dev/kvm: "))
        if access("/dev/kvm", R_OK | W_OK) == 0 {
            #expect(result.messages.contains("run martlet on an arm64 host"))
        }
    }

    @Test func checkListsThatAndEveryOtherProblem() throws {
        let folder = try ConfigurationFolder(devices: #"[{"host": "none.such"}]"#)
        try folder.write("Image", [1, 2, 3])
        let result = try run("check", folder.config)
        #expect(result.status == 1)
        let problems = result.messages.split(separator: "\n").filter { $0.hasPrefix("martlet: ") }
        #expect(problems.count == 3, "\(result.messages)")
        #expect(problems.first?.hasPrefix("martlet: /dev/kvm: ") == true)
        #expect(
            result.messages.contains(
                "martlet: boot-source.kernel_image_path: \(folder.path)/Image: 3 bytes are too few"))
        #expect(result.messages.contains("martlet: none.such: no such device on the platform or AMBA bus"))
    }
    #endif

    // MARK: dtb

    private static let dtc = HostTool(onPath: "dtc")

    @Test func theDeviceTreeNeedsNoKVM() throws {
        let folder = try ConfigurationFolder()
        let file = "\(folder.path)/vm.dtb"
        let toFile = try run("dtb", folder.config, "-o", file)
        #expect(toFile.status == 0)
        #expect(toFile.messages.isEmpty)
        #expect(toFile.output.isEmpty)
        let blob = try folder.read("vm.dtb")
        #expect(blob.starts(with: [0xD0, 0x0D, 0xFE, 0xED]))
        let toPipe = try run("dtb", folder.config)
        #expect(toPipe.status == 0)
        // The seed is another at each run.
        #expect(toPipe.output.count == blob.count)
        #expect(toPipe.output != blob)
    }

    @Test(.enabled(if: dtc != nil, "dtc (package device-tree-compiler) is not on the PATH"))
    func dtcHasNothingToSayAboutIt() throws {
        let folder = try ConfigurationFolder()
        let blob = try run("dtb", folder.config).output
        let checks = ["-Wnode_name_chars_strict", "-Wproperty_name_chars_strict", "-Winterrupt_provider"]
        let result = try #require(Self.dtc).run(["-I", "dtb", "-O", "dts"] + checks + ["-"], input: blob)
        #expect(result.status == 0)
        #expect(result.messages.isEmpty)
        #expect(result.text.contains("bootargs = \"console=ttyS0\""))
        #expect(result.text.contains("cpu@1"))
    }

    @Test func aFullDiskIsStatus1() throws {
        let folder = try ConfigurationFolder()
        let toFile = try run("dtb", folder.config, "-o", "/dev/full")
        #expect(toFile.status == 1)
        #expect(toFile.messages == "martlet: /dev/full: ENOSPC (No space left on device)\n")
        let toOutput = try run("dtb", folder.config, output: "/dev/full")
        #expect(toOutput.status == 1)
        #expect(toOutput.messages == "martlet: standard output: ENOSPC (No space left on device)\n")
    }

    @Test func aKernelThatIsNoneIsStatus1() throws {
        let folder = try ConfigurationFolder()
        try folder.write("Image", [UInt8](repeating: 0, count: 4096))
        let result = try run("dtb", folder.config)
        #expect(result.status == 1)
        #expect(result.output.isEmpty)
        #expect(result.messages.contains("\(folder.path)/Image: no arm64 Linux Image"))
        #expect(result.messages.contains("give an arm64 Linux Image, plain or gzip-compressed"))
    }

    @Test func aLogLevelShowsWhatIsBelowIt() throws {
        let folder = try ConfigurationFolder()
        #if !arch(arm64)
        let result = try run("dtb", folder.config, "--log-level", "info", "-o", "/dev/null")
        #expect(result.status == 0)
        #expect(result.messages.hasPrefix("martlet: info: no KVM for the version of the interrupt controller: "))
        #endif
    }
}
