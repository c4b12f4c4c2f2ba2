// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

extension DeviceReport {
    /// How the device is reset, and the counts of the guest's reset lines.
    public struct Reset: Sendable, Equatable, Encodable {
        /// "vfio", "recipe", "steps" or "none".
        public let by: String
        /// The same as a text: "by Martlet's recipe for generic-ahci".
        public let text: String
        /// How many lines of the guest's reset controller belong to the device.
        public let lineCount: Int
        /// How often the guest asserted one of them.
        public let assertionCount: UInt64

        enum CodingKeys: String, CodingKey {
            case by, text
            case lineCount = "lines"
            case assertionCount = "assertions"
        }

        var lines: [String] {
            var lines = ["  reset: \(text)"]
            if by == "none" {
                lines.append("    the guest gets it in its last state, and its DMA may go on after the guest")
            }
            if lineCount > 0 {
                let times = assertionCount == 1 ? "once" : "\(assertionCount) times"
                lines.append(
                    "  reset lines: \(lineCount), asserted \(times); "
                        + (by == "none" ? "stand-ins that reset nothing" : "one of the device's own resets it"))
            }
            return lines
        }
    }
}

extension DeviceResetter {
    var report: DeviceReport.Reset {
        DeviceReport.Reset(by: method.word, text: method.text, lineCount: lineCount, assertionCount: assertionCount)
    }
}
