// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree
package import LinuxSystem

/// Which devices are known not to address memory by themselves, going by what the host's device tree calls them.
package enum DMAMasters {
    /// What they call themselves whose registers, as their manual or their binding in Linux has them, hold no address
    /// of memory and start no transfer. Serial ports among them may have a DMA controller at their side (`dmas`): that
    /// is a device of its own, which the guest doesn't get with them.
    private static let knownNonMasters: Set<String> = [
        // Serial ports.
        "arm,pl011", "arm,sbsa-uart", "ns16550", "ns16550a", "snps,dw-apb-uart",
        // Clocks, timers, watchdogs.
        "arm,pl031", "arm,sp804", "arm,sp805", "snps,dw-apb-timer", "snps,dw-wdt",
        // GPIO blocks, and what is made of others' GPIOs, which has no registers.
        "arm,pl061", "snps,dw-apb-gpio", "gpio-keys", "gpio-leds",
    ]
    /// What the node of a device that does DMA may have, whatever it is called.
    private static let dmaProperties = ["dma-coherent", "dma-ranges", "iommus", "memory-region"]

    /// Nil where the device is known not to do DMA; otherwise what it is, as far as that is known.
    ///
    /// The first, most specific `compatible` decides: what is compatible with a simpler device may do more.
    package static func possibleMaster(of host: HostDevice, _ sysfs: Sysfs) -> String? {
        guard let node = host.deviceTreeNode else { return "a device that no device tree describes" }
        let tree = HostTree(sysfs)
        let compatible = tree.value("compatible", of: node)?.strings?.first
        guard let compatible, knownNonMasters.contains(compatible) else {
            return compatible.map { "a \($0)" } ?? "a device without a compatible"
        }
        for property in dmaProperties {
            // What can't be read may be there.
            do { if try tree.property(property, of: node) == nil { continue } } catch {}
            return "a \(compatible) with \(property)"
        }
        return nil
    }
}
