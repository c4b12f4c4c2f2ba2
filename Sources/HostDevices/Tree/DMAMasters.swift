// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree
package import LinuxSystem

/// The devices that are known not to address memory by themselves, by the `compatible` in the host's device tree.
package enum DMAMasters {
    /// Devices whose registers, according to their manual or their binding in Linux, hold no address of memory and
    /// start no transfer. A serial port among them may use a DMA controller (`dmas`): that is a separate device, which
    /// the guest doesn't get with it.
    private static let knownNonMasters: Set<String> = [
        // Serial ports.
        "arm,pl011", "arm,sbsa-uart", "ns16550", "ns16550a", "snps,dw-apb-uart",
        // Clocks, timers, watchdogs.
        "arm,pl031", "arm,sp804", "arm,sp805", "snps,dw-apb-timer", "snps,dw-wdt",
        // GPIO blocks, and devices that consist of others' GPIOs and have no registers.
        "arm,pl061", "snps,dw-apb-gpio", "gpio-keys", "gpio-leds",
    ]
    /// Properties that the node of a device that does DMA may have, whatever its name.
    private static let dmaProperties = ["dma-coherent", "dma-ranges", "iommus", "memory-region"]

    /// Nil when the device is known not to do DMA; otherwise its name, as far as it is known.
    ///
    /// Only the first, most specific `compatible` counts: a device that is compatible with a simpler one may do more.
    package static func possibleMaster(of host: HostDevice, _ sysfs: Sysfs) -> String? {
        guard let node = host.deviceTreeNode else { return "a device that no device tree describes" }
        let tree = HostTree(sysfs)
        let compatible = tree.value("compatible", of: node)?.strings?.first
        guard let compatible, knownNonMasters.contains(compatible) else {
            return compatible.map { "a \($0)" } ?? "a device without a compatible"
        }
        for property in dmaProperties {
            // A property that can't be read may exist.
            do { if try tree.property(property, of: node) == nil { continue } } catch {}
            return "a \(compatible) with \(property)"
        }
        return nil
    }
}
