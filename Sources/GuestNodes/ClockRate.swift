// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree
internal import HostDevices

/// The current rate of a clock of the host.
struct ClockRate: Equatable, Sendable {
    /// Where the rate comes from.
    enum Origin: Equatable, Sendable, CustomStringConvertible {
        /// The clock's own node, or that of its source, has the rate.
        case fixed
        /// The host's driver had the clock with this name, at that rate.
        case record(String)
        /// The host's kernel reports it for the clock with this name.
        case kernel(String)
        case configuration
        /// The configuration's rate for all clocks whose rates aren't known.
        case configurationForAll
        /// A placeholder: the rate isn't known, and no driver reads it.
        case standIn

        var description: String {
            switch self {
            case .fixed: "fixed on the host"
            case .record(let name): "noted by martlet bind, from \(name)"
            case .kernel(let name): "its current rate on the host, from /sys/kernel/debug/clk/\(name)"
            case .configuration: "from the configuration"
            case .configurationForAll: "from the configuration's \"*\""
            case .standIn: "a placeholder: Linux needs the clock and never reads its rate"
            }
        }
    }

    /// Why the rate isn't known.
    enum Problem: Error, Equatable, Sendable, CustomStringConvertible {
        /// The rate isn't fixed, and the clock's node doesn't have its name in the kernel.
        case unidentified
        /// The rate isn't fixed, and the kernel's rate for this name can't be read.
        case unreadable(String)
        /// The rate is 0, or too large for a fixed clock in a device tree.
        case implausible(UInt64)
        /// The clock's source can't be found.
        case badSource

        var description: String {
            switch self {
            case .unidentified: "its rate is not fixed, and its node doesn't tell its name in the host's kernel"
            case .unreadable(let name): "its rate is not fixed, and /sys/kernel/debug/clk/\(name) can't be read"
            case .implausible(let hertz): "\(hertz) Hz is not a valid rate for a fixed clock"
            case .badSource: "its source clock is unknown"
            }
        }
    }

    let hertz: UInt32
    let origin: Origin

    /// The bus clock of a PrimeCell (Arm's AMBA peripherals); without it Linux probes no driver for the device.
    /// - SeeAlso: Linux, drivers/amba/bus.c (amba_get_enable_pclk)
    static let primecellClock = "apb_pclk"
    /// The placeholder's rate, if the real rate isn't known.
    static let primecellRate: UInt32 = 24_000_000
}

extension HostTree {
    /// The rate of the clock that `reference` refers to.
    /// - Parameter recorded: the clock that the host's driver had.
    /// - SeeAlso: bindings clock/fixed-clock.yaml, clock/fixed-factor-clock.yaml, clock/clock-bindings.txt
    ///   (clock-output-names, clock-indices); Linux, drivers/clk/clk.c (clk_debug_create_one)
    func rate(
        of reference: NodeReference, recorded: HostRecord.Clock? = nil, depth: Int = 0
    ) throws(DeviceTreeError) -> Result<ClockRate, ClockRate.Problem> {
        // The search must end even if the clocks form a circle.
        guard depth < 16 else { return .failure(.badSource) }
        let provider = reference.provider
        let compatible = try property("compatible", of: provider)?.strings ?? []
        if compatible.contains("fixed-clock"), let hertz = try property("clock-frequency", of: provider)?.cell {
            return Self.rate(UInt64(hertz), .fixed)
        }
        if let recorded, case .success(let rate) = Self.rate(recorded.rate, .record(recorded.name)) {
            return .success(rate)
        }
        if compatible.contains("fixed-factor-clock") { return try factorRate(of: provider, depth: depth) }
        guard let name = try kernelName(of: reference) else { return .failure(.unidentified) }
        guard let hertz = clockRate(named: name) else { return .failure(.unreadable(name)) }
        return Self.rate(hertz, .kernel(name))
    }

    private static func rate(_ hertz: UInt64, _ origin: ClockRate.Origin) -> Result<ClockRate, ClockRate.Problem> {
        guard hertz > 0, let cell = UInt32(exactly: hertz) else { return .failure(.implausible(hertz)) }
        return .success(ClockRate(hertz: cell, origin: origin))
    }

    private func factorRate(
        of provider: String, depth: Int
    ) throws(DeviceTreeError) -> Result<ClockRate, ClockRate.Problem> {
        guard let multiplier = try property("clock-mult", of: provider)?.cell,
            let divisor = try property("clock-div", of: provider)?.cell, divisor > 0,
            let value = try property("clocks", of: provider), let rule = ReferenceRule(property: "clocks"),
            case .success(let references) = try references(value, rule, PassedNodes()),
            let first = references.first, let source = first
        else { return .failure(.badSource) }
        switch try rate(of: source, depth: depth + 1) {
        case .success(let rate):
            // The product of two 32-bit numbers can't overflow.
            return Self.rate(UInt64(rate.hertz) * UInt64(multiplier) / UInt64(divisor), rate.origin)
        case .failure(let problem): return .failure(problem)
        }
    }

    /// The name of the clock in the host's kernel: an entry of the provider's `clock-output-names`.
    private func kernelName(of reference: NodeReference) throws(DeviceTreeError) -> String? {
        guard reference.arguments.count <= 1,
            let names = try property("clock-output-names", of: reference.provider)?.strings
        else { return nil }
        var position = Int(reference.arguments.first ?? 0)
        if let argument = reference.arguments.first,
            let indices = try property("clock-indices", of: reference.provider)?.cells
        {
            guard let found = indices.firstIndex(of: argument) else { return nil }
            position = found
        }
        return names.indices.contains(position) ? names[position] : nil
    }
}
