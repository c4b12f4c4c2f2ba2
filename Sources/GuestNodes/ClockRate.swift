// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree
internal import HostDevices

/// How fast a clock of the host runs now.
struct ClockRate: Equatable, Sendable {
    /// How it is known.
    enum Origin: Equatable, Sendable, CustomStringConvertible {
        /// The clock's own node says so, or that of its source.
        case fixed
        /// The host's driver had the clock of this name, at that rate.
        case record(String)
        /// The host's kernel says so of the clock of this name.
        case kernel(String)
        case configuration
        /// From the configuration's word on all clocks whose rates aren't known.
        case configurationForAll
        /// Nobody knows it, and nobody asks for it.
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

    /// Why it isn't.
    enum Problem: Error, Equatable, Sendable, CustomStringConvertible {
        /// Not fixed, and its node doesn't say what the kernel calls it.
        case unidentified
        /// Not fixed, and the kernel's word on this name can't be had.
        case unreadable(String)
        /// More than a device tree can say of a fixed clock, or nothing.
        case implausible(UInt64)
        /// Its source can't be followed.
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

    /// The bus clock of a primecell (ARM's AMBA peripherals), without which Linux tries no driver on it.
    /// - SeeAlso: Linux, drivers/amba/bus.c (amba_get_enable_pclk)
    static let primecellClock = "apb_pclk"
    /// Stands in for it where its rate isn't known.
    static let primecellRate: UInt32 = 24_000_000
}

extension HostTree {
    /// The rate of the clock that `reference` means.
    /// - Parameter recorded: what the host's driver had for it.
    /// - SeeAlso: bindings clock/fixed-clock.yaml, clock/fixed-factor-clock.yaml, clock/clock-bindings.txt
    ///   (clock-output-names, clock-indices); Linux, drivers/clk/clk.c (clk_debug_create_one)
    func rate(
        of reference: NodeReference, recorded: HostRecord.Clock? = nil, depth: Int = 0
    ) throws(DeviceTreeError) -> Result<ClockRate, ClockRate.Problem> {
        // Clocks made from each other in a circle must come to an end.
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
            // 32 bits by 32 bits can't overflow.
            return Self.rate(UInt64(rate.hertz) * UInt64(multiplier) / UInt64(divisor), rate.origin)
        case .failure(let problem): return .failure(problem)
        }
    }

    /// What the host's kernel calls the clock: the entry of the provider's `clock-output-names`.
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
