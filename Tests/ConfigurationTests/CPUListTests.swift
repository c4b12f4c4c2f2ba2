// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Testing

@testable import Configuration

struct CPUListTests {
    @Test(arguments: [
        ("0", [0]), ("4-7", [4, 5, 6, 7]), ("0,2-3", [0, 2, 3]), ("7,0,3-3", [7, 0, 3]), ("8191", [8191]),
    ])
    func `a list as taskset takes it`(text: String, numbers: [Int]) throws {
        #expect(try #require(CPUList(text)).numbers == numbers)
        #expect(try decode(machine(#""cpus": "\#(text)""#)).machineSize.cpus?.numbers == numbers)
        #expect(try decode(machine(#""cpus": \#(numbers)"#)).machineSize.cpus?.numbers == numbers)
    }

    @Test(arguments: [
        "", ",", "-", "1-", "-1", "1,", ",1", "3-2", "0-1,1", "0,0", "01", "a", "0x1", "1-2-3", "0-3:2", " 1", "1 ",
        "8192", "0-8192", "99999999999999999999", "0-8191,0-8191",
    ])
    func `what is no list`(text: String) {
        #expect(CPUList(text) == nil)
        #expect(
            problemsOf(machine(#""cpus": "\#(text)""#)) == [
                "machine-config.cpus: found \"\(text)\"; allowed: CPUs of the host, each once, as \"4-7\" or \"0,2-3\" "
                    + "or an array of numbers from 0 to 8191"
            ])
    }

    @Test(arguments: ["4", "[8192]", "[-1]", "[0, 0]", #"["0"]"#, "[1.5]", "true"])
    func `values that are no CPUs`(json: String) {
        #expect(problemsOf(machine(#""cpus": \#(json)"#)).count == 1)
    }

    @Test func `each vCPU needs a CPU`() {
        #expect(
            problemsOf(machine(#""cpus": "2-3", "vcpu_count": 3"#)) == [
                "machine-config.cpus: found 2 CPUs, with vcpu_count 3; allowed: a CPU for each vCPU at least"
            ])
        #expect(problemsOf(machine(#""cpus": "2-4", "vcpu_count": 3"#)).isEmpty)
        #expect(problemsOf(machine(#""cpus": "2-9", "vcpu_count": 3"#)).isEmpty)
    }

    @Test(
        arguments: [([0], "0"), ([0, 1, 2], "0-2"), ([5, 0, 1, 3], "5,0-1,3"), ([2, 1], "2,1")] as [([Int], String)])
    func `a list is written as it is read`(numbers: [Int], text: String) throws {
        let list = try #require(CPUList(numbers))
        #expect("\(list)" == text)
        #expect(CPUList(text) == list)
    }
}
