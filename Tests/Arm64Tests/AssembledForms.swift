// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Every form that is emulated, as lines of assembly.
enum AssembledForms {
    /// A mnemonic's beginning and end ("ld" … "sb"), its registers' kind, and the size of what it moves.
    private struct Single {
        let isLoad: Bool
        let suffix: String
        let kind: String
        let bytes: Int
        var isVector: Bool { !"wx".contains(kind) }

        func mnemonic(_ stem: String) -> String { (isLoad ? "ld" : "st") + stem + suffix }
        func register(_ number: Int) -> String { number == 31 && !isVector ? kind + "zr" : "\(kind)\(number)" }
    }

    private static let singles: [Single] =
        [("b", 1), ("h", 2), ("s", 4), ("d", 8), ("q", 16)].flatMap { kind, bytes in
            [true, false].map { Single(isLoad: $0, suffix: "", kind: kind, bytes: bytes) }
        }
        + [("b", "w", 1), ("h", "w", 2), ("", "w", 4), ("", "x", 8)].flatMap { suffix, kind, bytes in
            [true, false].map { Single(isLoad: $0, suffix: suffix, kind: kind, bytes: bytes) }
        }
        + [("sb", "w", 1), ("sb", "x", 1), ("sh", "w", 2), ("sh", "x", 2), ("sw", "x", 4)].map { suffix, kind, bytes in
            Single(isLoad: true, suffix: suffix, kind: kind, bytes: bytes)
        }

    private static let bases = ["x5", "sp", "x30"]
    private static let small = [-256, -255, -1, 1, 8, 255]
    private static let literals = ["-1048576", "-4", "+4", "+1048572"]

    static let lines: [String] =
        immediates + registers + unscaled + unprivileged + pairs + prefetches + literalLoads + ordered

    private static func lines(_ body: (Single, _ register: String, _ base: String) -> [String]) -> [String] {
        singles.flatMap { form in
            zip([0, 17, 31], bases).flatMap { number, base in body(form, form.register(number), base) }
        }
    }

    private static var immediates: [String] {
        lines { form, register, base in
            let start = "\(form.mnemonic("r")) \(register), [\(base)"
            return [0, 1, 2047, 4095].map { "\(start), #\($0 * form.bytes)]" }
                + small.map { "\(start)], #\($0)" } + small.map { "\(start), #\($0)]!" } + ["\(start)]"]
        }
    }

    private static var registers: [String] {
        lines { form, register, base in
            let shift = form.bytes.trailingZeroBitCount
            return ["w9, uxtw", "x9, lsl", "w9, sxtw", "x9, sxtx", "wzr, uxtw", "xzr, sxtx", "x30, lsl"].flatMap {
                index in
                [0, shift].map { "\(form.mnemonic("r")) \(register), [\(base), \(index) #\($0)]" }
            }
        }
    }

    private static var unscaled: [String] {
        lines { form, register, base in small.map { "\(form.mnemonic("ur")) \(register), [\(base), #\($0)]" } }
    }

    private static var unprivileged: [String] {
        lines { form, register, base in
            form.isVector ? [] : small.map { "\(form.mnemonic("tr")) \(register), [\(base), #\($0)]" }
        }
    }

    private static var pairs: [String] {
        var lines: [String] = []
        for (kind, bytes) in [("w", 4), ("x", 8), ("s", 4), ("d", 8), ("q", 16)] {
            for (first, second, base) in [(0, 1, "x5"), (7, 2, "sp"), (30, 29, "x4")] {
                let operands = "\(kind)\(first), \(kind)\(second), [\(base)"
                for offset in [-64, -1, 0, 1, 63].map({ $0 * bytes }) {
                    for stem in ["ld", "st"] {
                        lines.append("\(stem)p \(operands), #\(offset)]")
                        lines.append("\(stem)p \(operands), #\(offset)]!")
                        lines.append("\(stem)p \(operands)], #\(offset)")
                        lines.append("\(stem)np \(operands), #\(offset)]")
                    }
                    if kind == "w" {
                        let operands = "x\(first), x\(second), [\(base)"
                        lines.append("ldpsw \(operands), #\(offset)]")
                        lines.append("ldpsw \(operands), #\(offset)]!")
                        lines.append("ldpsw \(operands)], #\(offset)")
                    }
                }
            }
        }
        // A store may take one register twice, or the base without write-back, and the zero register.
        return lines + [
            "stp x3, x3, [x3, #16]", "stp xzr, xzr, [sp, #-16]!", "ldp w5, w6, [x5, #4]", "stp q5, q5, [x5], #32",
            "ldp d5, d6, [x5, #16]!", "ldr q5, [x5], #16",
        ]
    }

    private static var prefetches: [String] {
        ["prfm pldl1keep, [x5, #32760]", "prfum pldl1keep, [sp, #-3]", "prfm pldl1keep, [x5, x9, lsl #3]"]
            + literals.map { "prfm pldl1keep, .\($0)" }
    }

    private static var literalLoads: [String] {
        ["ldr w7", "ldr x7", "ldrsw x7", "ldr s7", "ldr d7", "ldr q7", "ldr xzr"].flatMap { start in
            literals.map { "\(start), .\($0)" }
        }
    }

    private static var ordered: [String] {
        var lines: [String] = []
        for (suffix, kind) in [("b", "w"), ("h", "w"), ("", "w"), ("", "x")] {
            for (stem, offsets) in [
                ("ldar", [""]), ("stlr", [""]), ("ldlar", [""]), ("stllr", [""]), ("ldapr", [""]),
                ("ldapur", small.map { ", #\($0)" }), ("stlur", small.map { ", #\($0)" }),
            ] {
                lines += offsets.map { "\(stem)\(suffix) \(kind)6, [x5\($0)]" }
            }
        }
        return lines + ["sb w", "sb x", "sh w", "sh x", "sw x"].map { "ldapur\($0)6, [sp, #-4]" }
    }
}
