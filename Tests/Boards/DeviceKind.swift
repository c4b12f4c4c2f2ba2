// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// What people pass through, told by the names of nodes.
enum DeviceKind: String, CaseIterable, Sendable {
    case ethernet, mmc, i2c, spi, serial, can, usb, pcie, gpu
    case codec = "video codec"
    case crypto, dma, pwm, timer, watchdog, gpio
    case pinControl = "pinctrl"
    case sata, ufs, adc, sound

    /// - Parameter name: of a node, with or without its address. Nil for a device of another kind.
    init?(node name: String) {
        let base = name.split(separator: "@").first.map(String.init) ?? name
        let found = Self.allCases.first { kind in
            kind.exact.contains(base) || kind.prefixes.contains { base.hasPrefix($0) }
        }
        guard let found else { return nil }
        self = found
    }

    private var exact: [String] { self == .spi ? ["spi"] : [] }

    private var prefixes: [String] {
        switch self {
        case .ethernet: ["ethernet", "gmac", "gem"]
        case .mmc: ["mmc", "sdhci", "sd", "emmc"]
        case .i2c: ["i2c"]
        case .spi: ["qspi"]
        case .serial: ["serial", "uart"]
        case .can: ["can"]
        case .usb: ["usb", "dwc3"]
        case .pcie: ["pci"]
        case .gpu: ["gpu", "mali"]
        case .codec:
            ["video-codec", "vpu", "vcodec", "video", "venc", "vdec", "jpg", "jpeg", "rga", "vsp", "fdp"]
        case .crypto: ["crypto", "rng", "sec", "caam", "jr"]
        case .dma: ["dma"]
        case .pwm: ["pwm"]
        case .timer: ["timer", "tpm"]
        case .watchdog: ["watchdog", "wdt"]
        case .gpio: ["gpio"]
        case .pinControl: ["pinctrl", "pinmux"]
        case .sata: ["sata"]
        case .ufs: ["ufs"]
        case .adc: ["adc", "saradc"]
        case .sound: ["i2s", "sai", "spdif", "sound", "audio", "ssi"]
        }
    }
}
