// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceOptions

/// `rate_limiter` of drives and of the entropy device.
extension RateLimits {
    enum Keys {
        static let bandwidth = KeyDescription(
            "bandwidth", .object({ Bucket.Keys.section }), "A bucket with a token for each byte.")
        static let operations = KeyDescription(
            "ops", .object({ Bucket.Keys.section }), "A bucket with a token for each request.")

        static var section: Section { Section(keys: [bandwidth, operations]) }
    }

    init(_ reader: ObjectReader) {
        self.init(
            bandwidth: reader.object(Keys.bandwidth).flatMap { Bucket($0) },
            operations: reader.object(Keys.operations).flatMap { Bucket($0) })
        reader.noteOthers(than: Keys.section)
    }

    /// The key of a device with limits.
    static let key = KeyDescription(
        "rate_limiter", .object({ Keys.section }),
        Documentation(
            "How much may be read and written in a time. What exceeds it waits.",
            example: #"{"bandwidth": {"size": 1048576, "refill_time": 100}, "ops": {"size": 50, "refill_time": 100}}"#))
}

extension RateLimits.Bucket {
    enum Keys {
        private static let limit = (1 << 53) - 1

        static let size = Key.requiredInteger(
            "size", 0...limit, "The most tokens that the bucket holds; it is full at first. 0 for no limit.")
        static let oneTimeBurst = Key.integer(
            "one_time_burst", 0...limit, default: 0, "Tokens that are there once, besides.")
        static let refillTime = Key.requiredInteger(
            "refill_time", 0...31_536_000_000,
            "The time in which an empty bucket fills up, in milliseconds. 0 for no limit.")

        static var section: Section {
            Section(keys: [size.description, oneTimeBurst.description, refillTime.description])
        }
    }

    /// Nil for a bucket without a limit.
    init?(_ reader: ObjectReader) {
        // None is negative, because the keys' ranges exclude that.
        let size = UInt64(clamping: reader.value(Keys.size))
        let burst = UInt64(clamping: reader.value(Keys.oneTimeBurst))
        let time = UInt64(clamping: reader.value(Keys.refillTime))
        reader.noteOthers(than: Keys.section)
        guard size > 0, time > 0 else { return nil }
        self.init(size: size, oneTimeBurst: burst, refillMilliseconds: time)
    }
}
