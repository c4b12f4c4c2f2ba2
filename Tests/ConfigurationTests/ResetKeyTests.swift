// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceOptions
import Testing

@testable import Configuration

/// `platform-devices[].reset`.
@Suite struct ResetKeyTests {
    private func reset(_ json: String) throws -> DeviceReset {
        try decode(device(#""host": "a", "reset": \#(json)"#)).platformDevices[0].reset
    }

    private func problems(_ json: String) -> [String] { problemsOf(device(#""host": "a", "reset": \#(json)"#)) }

    @Test(arguments: [#""auto""#, "null", "[]", "{}", "false"]) func `without a word it is automatic`(json: String)
        throws
    {
        #expect(try reset(json) == .automatic)
    }

    @Test func `every step is read as it is written`() throws {
        #expect(try reset(#""none""#) == DeviceReset.none)
        let json = #"""
            [{"step": "write", "offset": "0x10", "value": 3},
             {"step": "write", "region": 1, "offset": 8, "width": 8, "value": "0xff00000000000000", "mask": "0xffff000000000000"},
             {"step": "set", "offset": 6, "width": 2, "mask": "0x8000"}, {"step": "clear", "offset": 7, "width": 1, "mask": 255},
             {"step": "poll", "offset": 0, "value": 2, "mask": 6, "timeout_ms": 5000}, {"step": "poll", "offset": 4},
             {"step": "delay", "delay_ms": 20}, {"step": "delay"}]
            """#
        #expect(
            try reset(json)
                == .steps([
                    .write(.init(offset: 0x10), value: 3, mask: 0xFFFF_FFFF),
                    .write(
                        .init(region: 1, offset: 8, width: 8), value: 0xFF00_0000_0000_0000, mask: 0xFFFF_0000_0000_0000
                    ),
                    .set(.init(offset: 6, width: 2), mask: 0x8000), .clear(.init(offset: 7, width: 1), mask: 0xFF),
                    .poll(.init(offset: 0), value: 2, mask: 6, timeoutMilliseconds: 5000),
                    .poll(.init(offset: 4), value: 0, mask: 0xFFFF_FFFF, timeoutMilliseconds: 100),
                    .delay(milliseconds: 20), .delay(milliseconds: 1),
                ]))
    }

    @Test(arguments: [
        (
            #""vfio""#,
            #"platform-devices[0].reset: found "vfio"; allowed: "auto", "none", or an array of at most 64 objects"#
        ),
        (
            #"[{"step": "poll"}]"#,
            #"platform-devices[0].reset[0]: found a "poll" without offset; allowed: it with offset"#
        ),
        (
            #"[{"step": "delay", "delay_ms": 1, "mask": 1}]"#,
            #"platform-devices[0].reset[0].mask: found the key in a step that is a "delay"; allowed: there: delay_ms"#
        ),
        (
            #"[{"step": "set", "offset": 2, "mask": 1}]"#,
            "platform-devices[0].reset[0].offset: found 2, in a register of 4 bytes; allowed: a multiple of its width"
        ),
        (
            #"[{"step": "set", "offset": 2, "width": 1, "mask": 256}]"#,
            "platform-devices[0].reset[0].mask: found bits outside a register of 1 bytes; allowed: bits of the register"
        ),
        (
            #"[{"step": "write", "offset": 0, "value": 6, "mask": 2}]"#,
            "platform-devices[0].reset[0].value: found bits outside the mask; allowed: bits that are in it"
        ),
        (
            #"[{"step": "poll", "offset": 0, "timeout_ms": 5000}, {"step": "poll", "offset": 0, "timeout_ms": 5000}, "#
                + #"{"step": "poll", "offset": 0}]"#,
            "platform-devices[0].reset: found steps that may wait for 10100 ms in all; allowed: at most 10000 ms: "
                + "nothing else is done meanwhile"
        ),
    ])
    func `what is wrong with a step is said`(json: String, problem: String) {
        #expect(problems(json) == [problem])
    }

    @Test func `there may be 64 steps`() throws {
        func steps(_ count: Int) -> String {
            "[" + (0..<count).map { _ in #"{"step": "delay", "delay_ms": 1}"# }.joined(separator: ",") + "]"
        }
        #expect(try reset(steps(64)) == .steps(.init(repeating: .delay(milliseconds: 1), count: 64)))
        #expect(problems(steps(65)).count == 1)
    }

    @Test func `a device that isn't to be reset can't need a reset`() {
        #expect(
            problemsOf(device(#""host": "a", "require_reset": true, "reset": "none""#)) == [
                #"platform-devices[0].require_reset: found true, with reset "none"; allowed: false, or another reset"#
            ])
    }
}
