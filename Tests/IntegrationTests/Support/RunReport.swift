// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import FoundationEssentials

/// The output of `martlet run --report`, as far as tests use it.
struct RunReport: Decodable {
    struct Exit: Decodable {
        let reason: String
        let status: Int
        let detail: String?
    }

    struct Region: Decodable {
        let index: Int
        let access: String
        let hostAddress: String?
        let guestAddress: String
        let size: Int
        let reads: Int
        let writes: Int
        let failures: Int
    }

    struct Interrupt: Decodable {
        let index: Int
        let trigger: String
        let spi: Int
        let path: String
        let reasons: [String]
        let count: Int?
        /// Present only if user space sees the interrupt.
        let counters: Counters?
    }

    struct Counters: Decodable {
        let raised: Int
        let delivered: Int
        let ended: Int
        let queued: Int
        let coalesced: Int
        let stormHeld: Int
    }

    struct DMA: Decodable {
        let mode: String
        let through: String?
        let reaches: String
        let groupOthers: [String]
        let interruptsIsolated: Bool?
        let streamIds: [Int]
        let faults: Faults?
    }

    struct Faults: Decodable {
        let count: Int?
        let first: [Fault]
    }

    struct Fault: Decodable, Equatable {
        let address: String?
        let access: String?
    }

    struct Memory: Decodable {
        struct Bank: Decodable {
            let address: String
            let size: Int
        }

        let source: String
        let banks: [Bank]
        let pinned: Bool
        let notPinned: String?
        let moved: String?
    }

    struct Reset: Decodable {
        let by: String
        let text: String
        let lines: Int
        let assertions: Int
    }

    struct Device: Decodable {
        let host: String
        let group: Int
        let isolation: String
        let dma: DMA
        let reset: Reset
        let resetFailure: String?
        let regions: [Region]
        let interrupts: [Interrupt]
        let unmaps: Int
        let maps: Int
        let nisvEmulated: Int
        let nisvAborted: Int
    }

    struct Drive: Decodable {
        let driveId: String
        let pathOnHost: String
        let reads: Int
        let writes: Int
        let flushes: Int
        let discards: Int
        let bytesRead: Int
        let bytesWritten: Int
        let errors: Int
    }

    struct Exits: Decodable {
        let mmioReads: Int
        let mmioWrites: Int
        let systemEvents: Int
        let nisvEmulated: Int
        let nisvAborted: Int
    }

    struct Unclaimed: Decodable {
        let reads: Int
        let writes: Int
    }

    /// The guest kernel's command line, where it isn't the configuration's own.
    struct BootArguments: Decodable {
        let text: String
        let source: String
    }

    let exit: Exit
    let bootArgs: BootArguments?
    let unclaimed: Unclaimed
    let devices: [Device]
    let drives: [Drive]?
    let memory: Memory?
    let exits: Exits
    let restarts: Int
    let pauses: Int
    let droppedConsoleBytes: Int

    init(file: String) throws {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        self = try decoder.decode(RunReport.self, from: Data(contentsOf: URL(fileURLWithPath: file)))
    }

    func device(_ host: String) -> Device? { devices.first { $0.host == host } }
}
