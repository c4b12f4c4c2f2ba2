// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceOptions

/// Martlet's own recipes.
///
/// Each stops the device's activity, and sets the registers that a guest's driver has changed back to their values
/// after power-on, as far as the hardware allows it.
package enum BuiltInRecipes {
    /// The recipe for a device, with the first entry of its `compatible` that has one; nil if there is none.
    package static func recipe(for compatible: [String]) -> (name: String, recipe: ResetRecipe)? {
        for name in compatible {
            if let recipe = all.first(where: { $0.compatible.contains(name) }) { return (name, recipe) }
        }
        return nil
    }

    static let all = [
        ahci, xhci, ehci, sdhci, uart16550, pl011, pl031, pl061, sp805, pl330, dwmac, dwxgmac, gem, designWareI2C,
        designWareSSI,
    ]

    // MARK: Short forms of steps

    private typealias Step = ResetRecipe.Step

    private static func at(_ offset: UInt64, _ width: Int = 4) -> ResetStep.Register {
        ResetStep.Register(offset: offset, width: width)
    }

    private static func write(_ offset: UInt64, _ value: UInt64) -> Step { write(at(offset), value) }

    private static func write(_ register: ResetStep.Register, _ value: UInt64) -> Step {
        .step(.write(register, value: value, mask: register.allBits))
    }

    private static func set(_ offset: UInt64, _ mask: UInt64) -> Step { .step(.set(at(offset), mask: mask)) }

    private static func clear(_ offset: UInt64, _ mask: UInt64) -> Step { .step(.clear(at(offset), mask: mask)) }

    /// Waits until the bits of `mask` are zero, or `value`.
    private static func poll(
        _ offset: UInt64, _ mask: UInt64, is value: UInt64 = 0, milliseconds: Int
    ) -> ResetStep {
        .poll(at(offset), value: value, mask: mask, timeoutMilliseconds: milliseconds)
    }

    // MARK: Storage and USB

    /// Stops each of the controller's ports (PxCMD.ST, then FRE), then resets the whole controller (GHC.HR), which
    /// takes at most a second. The reset also stops ports that didn't stop. GHC.AE must be set for it.
    private static let ahci = ResetRecipe(
        compatible: [
            "generic-ahci", "snps,dwc-ahci", "snps,spear-ahci", "ibm,476gtr-ahci", "hisilicon,hisi-ahci",
            "cavium,octeon-7130-ahci",
        ],
        source: "Serial ATA AHCI 1.3.1 Specification, 3.1.2 (GHC), 3.3.7 (PxCMD), 10.1.2, 10.4.3 (HBA Reset)"
    ) { _ in
        [
            set(0x04, 1 << 31),
            .read(at(0x0C)) { ports in
                (UInt64(0)..<32).filter { ports >> $0 & 1 == 1 }.flatMap { port -> [Step] in
                    let command = 0x118 + 0x80 * port
                    return [
                        clear(command, 1), .attempt(poll(command, 1 << 15, milliseconds: 500)),
                        clear(command, 1 << 4), .attempt(poll(command, 1 << 14, milliseconds: 500)),
                    ]
                }
            },
            set(0x04, 1), .step(poll(0x04, 1, milliseconds: 1000)),
        ]
    }

    /// Halts the controller (USBCMD.R/S), which takes up to 16 ms, resets it (HCRST), and waits until it is ready
    /// (USBSTS.CNR).
    private static let xhci = ResetRecipe(
        compatible: ["generic-xhci", "xhci-platform"],
        source: "eXtensible Host Controller Interface for USB 1.2, 4.2, 5.3.1 (CAPLENGTH), 5.4.1 (USBCMD), 5.4.2"
    ) { _ in
        [
            .read(at(0)) { capabilities in
                let command = capabilities & 0xFF
                let status = command + 4
                return [
                    .step(poll(status, 1 << 11, milliseconds: 1000)), clear(command, 1),
                    .attempt(poll(status, 1, is: 1, milliseconds: 32)), set(command, 2),
                    .step(poll(command, 2, milliseconds: 1000)), .step(poll(status, 1 << 11, milliseconds: 1000)),
                ]
            }
        ]
    }

    /// Halts the controller (USBCMD.RS), which takes up to 2 ms, and resets it (HCRESET).
    private static let ehci = ResetRecipe(
        compatible: ["generic-ehci"],
        source: "Enhanced Host Controller Interface Specification for USB 1.0, 2.2.1 (CAPLENGTH), 2.3.1, 2.3.2 (USBSTS)"
    ) { _ in
        [
            .read(at(0)) { capabilities in
                let command = capabilities & 0xFF
                return [
                    clear(command, 1), .attempt(poll(command + 4, 1 << 12, is: 1 << 12, milliseconds: 20)),
                    set(command, 2), .step(poll(command, 2, milliseconds: 250)),
                ]
            }
        ]
    }

    /// Software Reset For All, which takes up to 100 ms.
    private static let sdhci = ResetRecipe(
        compatible: [
            "arasan,sdhci-8.9a", "arasan,sdhci-5.1", "arasan,sdhci-4.9a", "xlnx,zynqmp-8.9a", "xlnx,versal-8.9a",
            "snps,dwcmshc-sdhci", "rockchip,rk3568-dwcmshc", "rockchip,rk3588-dwcmshc",
        ],
        source: "SD Specifications Part A2, SD Host Controller Simplified Specification 4.20, 2.2.16 (02Fh)"
    ) { _ in
        let register = at(0x2F, 1)
        return [
            .step(.set(register, mask: 1)),
            .step(.poll(register, value: 0, mask: 1, timeoutMilliseconds: 100)),
        ]
    }

    // MARK: Serial ports

    /// Disables interrupts, empties and disables the FIFOs, ends a break, clears the modem lines, and reads away what
    /// is pending. LCR comes first: while its bit 7 is set, other registers are at these offsets.
    private static let uart16550 = ResetRecipe(
        compatible: ["ns16550a", "ns16550", "ns16450", "ns16750", "ns8250"],
        source: "Texas Instruments PC16550D (SNLS378), 8.0 (Registers), Table I (UART Reset Configuration)"
    ) { spread in
        [
            write(spread.register(3), 0), write(spread.register(1), 0), write(spread.register(2), 7),
            write(spread.register(2), 0), write(spread.register(4), 0), write(spread.register(7), 0),
        ] + [5, 0, 6].map { number in .read(spread.register(number)) { _ in [] } }
    }

    /// Disables interrupts and DMA requests, disables the UART after it has sent its character, disables the FIFOs,
    /// which empties them, and sets UARTIFLS and UARTCR to their reset values.
    private static let pl011 = ResetRecipe(
        compatible: ["arm,pl011"],
        source: "Arm PrimeCell UART (PL011) DDI 0183G, 3.2 (Summary of registers), 3.3 (UARTLCR_H, UARTCR)"
    ) { _ in
        [
            write(0x38, 0), write(0x48, 0), write(0x30, 0), .attempt(poll(0x18, 1 << 3, milliseconds: 100)),
            write(0x24, 0), write(0x28, 0), write(0x2C, 0), write(0x04, 0), write(0x34, 0x12), write(0x44, 0x7FF),
            write(0x30, 0x300),
        ]
    }

    // MARK: Clocks, GPIOs, watchdogs

    /// Turns the alarm off. Software can't stop the counter, so the time goes on.
    private static let pl031 = ResetRecipe(
        compatible: ["arm,pl031"],
        source: "Arm PrimeCell Real Time Clock (PL031) DDI 0224C, 3.3 (RTCMR, RTCIMSC, RTCICR, RTCCR)"
    ) { _ in [write(0x10, 0), write(0x04, 0), write(0x1C, 1)] }

    /// Disables interrupts and makes all lines inputs. It leaves the pin selection (GPIOAFSEL) alone, because pins
    /// belong to the host.
    private static let pl061 = ResetRecipe(
        compatible: ["arm,pl061"],
        source: "Arm PrimeCell General Purpose Input/Output (PL061) DDI 0190B, 3.2 (Summary of registers)"
    ) { _ in
        [
            write(0x410, 0), write(0x400, 0), write(0x3FC, 0), write(0x404, 0), write(0x408, 0), write(0x40C, 0),
            write(0x41C, 0xFF),
        ]
    }

    /// Unlocks the registers, stops the counter and its reset, and restores the counter's start value. It stays
    /// unlocked, as after power-on.
    private static let sp805 = ResetRecipe(
        compatible: ["arm,sp805"],
        source: "Arm Watchdog Module (SP805) DDI 0270B, 3.3 (WdogLoad, WdogControl, WdogIntClr, WdogLock)"
    ) { _ in
        [
            write(0xC00, 0x1ACC_E551), write(0x08, 0), write(0x0C, 1), write(0x00, 0xFFFF_FFFF),
        ]
    }

    // MARK: DMA and network

    /// Stops each channel's thread, and the manager's, by DMAKILL (01h) through the debug registers. CR0 has the number
    /// of channels, less one, in bits 6:4; bits 3:0 of CSRn are 0 when channel n has stopped.
    private static let pl330 = ResetRecipe(
        compatible: ["arm,pl330"],
        source: "Arm CoreLink DMA Controller DMA-330 DDI 0424D, 3.3 (INTEN, CSRn, DBGINST0, CR0), 4.3 (DMAKILL)"
    ) { _ in
        [
            write(0x20, 0), write(0xD0C, 0),
            .read(at(0xE00)) { configuration in
                let channels = 0...(configuration >> 4 & 7)
                return channels.flatMap { kill($0 << 8 | 1) }
                    + channels.map { .step(poll(0x100 + 8 * $0, 0xF, milliseconds: 100)) }
            },
        ] + kill(0) + [write(0x2C, 0xFFFF_FFFF)]
    }

    /// - Parameter thread: 0 for the manager; for a channel 1, with its number from bit 8 on.
    private static func kill(_ thread: UInt64) -> [Step] {
        [.step(poll(0xD00, 1, milliseconds: 100)), write(0xD08, 0x01 << 16 | thread), write(0xD04, 0)]
    }

    /// Stops DMA of each channel, then resets the whole device (DMA_Mode.SWR). The reset ends only if the PHY's clock
    /// runs.
    private static let dwmac = synopsysMAC(
        [
            "snps,dwmac-4.00", "snps,dwmac-4.10a", "snps,dwmac-4.20a", "snps,dwmac-5.10a", "snps,dwmac-5.20",
            "snps,dwc-qos-ethernet-4.10",
        ], dma: 0x1000, "ST STM32MP157 Reference Manual RM0436, Ethernet: ETH_DMAMR, ETH_DMACxTXCR, ETH_DMACxRXCR")

    private static let dwxgmac = synopsysMAC(
        ["snps,dwxgmac", "snps,dwxgmac-2.10"], dma: 0x3000,
        "Intel Agilex 5 HPS Technical Reference Manual 814346, Ethernet Media Access Controller, DMA_Mode (SWR)")

    /// - Parameter dma: the offset of DMA_Mode; the registers of channel n are 100h + 80h × n behind it.
    private static func synopsysMAC(_ compatible: [String], dma: UInt64, _ source: String) -> ResetRecipe {
        ResetRecipe(compatible: compatible, source: source) { _ in
            [
                // MAC_HW_Feature2: the number of channels, less one: for receiving in bits 15:12, for sending in 21:18.
                .read(at(0x124)) { features in
                    let receivers = 0...(features >> 12 & 0xF)
                    let senders = 0...(features >> 18 & 0xF)
                    return senders.map { clear(dma + 0x104 + 0x80 * $0, 1) }
                        + receivers.map { clear(dma + 0x108 + 0x80 * $0, 1) }
                },
                set(dma, 1), .step(poll(dma, 1, milliseconds: 1000)),
            ]
        }
    }

    /// The first steps of an initialisation in the manual: stops receiving and sending, clears statistics and status,
    /// disables interrupts, removes the queues.
    private static let gem = ResetRecipe(
        compatible: [
            "cdns,gem", "cdns,zynq-gem", "xlnx,zynq-gem", "cdns,zynqmp-gem", "xlnx,zynqmp-gem", "xlnx,versal-gem",
            "cdns,macb",
        ],
        source: "Xilinx Zynq-7000 Technical Reference Manual UG585, 16.3 (Initialize the Controller)"
    ) { _ in
        [
            write(0x2C, 0x07FF_FEFF), write(0x00, 0), .attempt(poll(0x14, 1 << 3, milliseconds: 100)),
            write(0x00, 1 << 5), write(0x00, 0), write(0x20, 0x0F), write(0x14, 0xFF), write(0x18, 0), write(0x1C, 0),
        ]
    }

    // MARK: Buses

    /// Aborts a transfer (IC_ENABLE.ABORT), then disables the controller, which takes as long as a byte on the bus,
    /// masks its interrupts and its DMA requests, and clears pending interrupts by a read.
    private static let designWareI2C = ResetRecipe(
        compatible: ["snps,designware-i2c"],
        source: "Raspberry Pi RP2040 Datasheet, 4.3.10 (Disabling DW_apb_i2c, Aborting), 4.3.17 (List of Registers)"
    ) { _ in
        [
            write(0x30, 0), write(0x88, 0),
            .read(at(0x6C)) { enable in
                enable & 1 == 0 ? [] : [set(0x6C, 2), .attempt(poll(0x6C, 2, milliseconds: 100))]
            },
            write(0x6C, 0), .step(poll(0x9C, 1, milliseconds: 100)), .read(at(0x40)) { _ in [] },
        ]
    }

    /// Disables the controller, which ends its transfer and empties its FIFOs at once, deselects the slaves, and
    /// disables interrupts and DMA requests. A read of ICR clears pending interrupts.
    private static let designWareSSI = ResetRecipe(
        compatible: ["snps,dw-apb-ssi", "snps,dwc-ssi-1.01a"],
        source: "Raspberry Pi RP2040 Datasheet, 4.10.13 (SSI, List of Registers: SSIENR, SER, IMR, DMACR, ICR)"
    ) { _ in
        [
            write(0x08, 0), write(0x10, 0), write(0x2C, 0), write(0x4C, 0), .read(at(0x48)) { _ in [] },
        ]
    }
}
