// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

extension BindingDemands {
    /// The index in `groups` of each name. Built at the first use, because it is rarely needed.
    static let index: [String: Int] = {
        var index: [String: Int] = [:]
        for (place, group) in groups.enumerated() {
            var vendor = ""
            for word in group.compatibles.split(whereSeparator: { $0 == " " || $0 == "\n" }) {
                if word.last == "," {
                    // A comma alone precedes names without a vendor.
                    vendor = word == "," ? "" : String(word)
                } else {
                    index["\(vendor)\(word)"] = place
                }
            }
        }
        return index
    }()
}
