// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Finds DMA faults in records of /dev/kmsg, taken one after the other. It skips records that it can't read.
///
/// - SeeAlso: Linux, Documentation/ABI/testing/dev-kmsg; drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3.c,
///   arm_smmu_evtq_thread: the raw words of an event are the same in all versions; later versions decode them in
///   further records; drivers/iommu/arm/arm-smmu/arm-smmu.c
struct DMAFaultParser {
    /// The Linux drivers whose records it reads.
    static let drivers = ["arm-smmu-v3", "arm-smmu"]

    /// Events of SMMUv3s whose words are still incomplete; each word is a record. The key is the IOMMU's name, because
    /// the records of two IOMMUs may alternate.
    private var events: [String: [UInt64]] = [:]

    /// Takes a record, and returns the fault that it completes.
    mutating func take(record: some Sequence<UInt8>) -> DMAFault? {
        // "6,339,5140900,-;arm-smmu-v3 9050000.smmuv3: event 0x10 received:", and lines that begin with a space.
        let message = record.drop { $0 != UInt8(ascii: ";") }.dropFirst().prefix { $0 != UInt8(ascii: "\n") }
        let fields = String(decoding: Array(message), as: UTF8.self).split(separator: " ")
        guard fields.count >= 3, fields[1].last == ":" else { return nil }
        let name = String(fields[1].dropLast())
        switch fields[0] {
        case "arm-smmu-v3": return takeEvent(fields.dropFirst(2), name)
        case "arm-smmu": return Self.contextFault(fields.dropFirst(2), name)
        default: return nil
        }
    }

    private mutating func takeEvent(_ fields: ArraySlice<Substring>, _ iommu: String) -> DMAFault? {
        if fields.count == 3, fields.first == "event", fields.last == "received:" {
            events[iommu] = []
            return nil
        }
        // The log encodes the tab before each word.
        guard var words = events[iommu], fields.count == 1, let field = fields.first,
            let word = Self.number(field.hasPrefix("\\x09") ? field.dropFirst(4) : field)
        else { return nil }
        words.append(word)
        let isWhole = words.count == 4
        events[iommu] = isWhole ? nil : words
        return isWhole ? Self.fault(words, iommu) : nil
    }

    /// All events have their number and the StreamID in the same place. These have RnW and the input address:
    /// F_TRANSLATION, F_ADDR_SIZE, F_ACCESS and F_PERMISSION. (SMMU architecture version 3, IHI 0070, 7.3)
    private static func fault(_ words: [UInt64], _ iommu: String) -> DMAFault {
        let hasAddress = (0x10...0x13).contains(words[0] & 0xFF)
        return DMAFault(
            iommu: iommu, streamID: UInt32(words[0] >> 32), address: hasAddress ? words[2] : nil,
            isWrite: hasAddress ? words[1] & 1 << 35 == 0 : nil)
    }

    /// SMMU_CBn_FSYNR0 has WNR in bit 4, SMMU_CBFRSYNRAn the StreamID in its low half. (SMMU architecture version 2,
    /// IHI 0062)
    private static func contextFault(_ fields: ArraySlice<Substring>, _ iommu: String) -> DMAFault? {
        guard fields.prefix(3).elementsEqual(["Unhandled", "context", "fault:"]) else { return nil }
        func value(_ key: String) -> UInt64? {
            let field = fields.first { $0.hasPrefix("\(key)=") }?.dropFirst(key.utf8.count + 1)
            return field.flatMap { number($0.last == "," ? $0.dropLast() : $0) }
        }
        guard let stream = value("cbfrsynra") else { return nil }
        return DMAFault(
            iommu: iommu, streamID: UInt32(stream & 0xFFFF), address: value("iova"),
            isWrite: value("fsynr").map { $0 & 1 << 4 != 0 })
    }

    private static func number(_ text: Substring) -> UInt64? {
        text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : nil
    }
}
