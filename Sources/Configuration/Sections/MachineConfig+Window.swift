// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// `machine-config.platform_bus`.
extension MachineConfig.Window {
    enum Keys {
        static let base = Key.requiredAddress(
            "base", multipleOf: 4096, "The guest-physical address of the first byte.")
        static let size = Key.requiredAddress("size", multipleOf: 4096, minimum: 4096, "Bytes.")

        static var section: Section { Section(keys: [base.description, size.description]) }
    }

    init(_ reader: ObjectReader) {
        base = reader.value(Keys.base)
        size = reader.value(Keys.size)
        reader.noteOthers(than: Keys.section)
    }
}
