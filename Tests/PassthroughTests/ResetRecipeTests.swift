// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceOptions
import KernelFakes
import LinuxSystem
import PlatformBus
import Testing
import VFIO

@testable import Passthrough

/// Each built-in recipe against a model of its part, and the steps themselves.
@Suite struct ResetRecipeTests {
    /// What a run leaves behind.
    private struct Outcome: Equatable {
        var failure: ResetFailure?
        var bytes: [UInt8]
        var readOffsets: Set<Int>
        var milliseconds: Int

        func word(_ offset: Int) -> UInt32 { RegisterModel.word(bytes, offset) }
    }

    /// Performs steps on a device with this region, in the fake's time.
    private func run(
        _ steps: [ResetRecipe.Step], _ regions: [FakeVFIODevice.Region], failingAccess: Int? = nil
    ) throws -> Outcome {
        let host = try Host()
        host.add("device", regions: regions, interrupts: [])
        var settings = PlacedDevice.Settings(.host("device"))
        settings.reset = .none
        let devices = try host.open(settings)
        let kernel = host.kernel
        if let failingAccess { kernel.withState { $0.failingCall = $0.callCount + failingAccess } }
        let run = RecipeRun(on: devices.devices[0].device, system: kernel) {
            UInt64(kernel.withState { $0.sysfs.sleptMilliseconds }) * 1_000_000
        }
        var failure: ResetFailure?
        do throws(ResetFailure) { try run.perform(steps) } catch { failure = error }
        return kernel.withState { state in
            let region = state.vfio.devices["device"]!.regions[0]
            return Outcome(
                failure: failure, bytes: region.bytes,
                readOffsets: (region.model as? RegisterModel)?.readOffsets ?? [],
                milliseconds: state.sysfs.sleptMilliseconds)
        }
    }

    private func steps(_ compatible: String) throws -> [ResetRecipe.Step] {
        try #require(BuiltInRecipes.recipe(for: [compatible])).recipe.steps(.init())
    }

    // MARK: The recipes

    @Test(arguments: RecipeCase.all) func `a recipe resets its part`(part: RecipeCase) throws {
        let outcome = try run(steps(part.compatible), [part.region()])
        #expect(outcome.failure == nil, "\(outcome.failure.map { "\($0)" } ?? "")")
        for (offset, value) in part.expected {
            #expect(outcome.word(offset) == value, "\(hex(offset)): \(hex(outcome.word(offset)))")
        }
        #expect(outcome.milliseconds < 50, "a part that does its share isn't waited for")
    }

    @Test(arguments: RecipeCase.all) func `a part that does nothing is an error soon`(part: RecipeCase) throws {
        let outcome = try run(steps(part.compatible), [part.region(works: false)])
        if part.hasPoll {
            guard case .timedOut? = outcome.failure else {
                Issue.record("\(outcome.failure.map { "\($0)" } ?? "no failure")")
                return
            }
        } else {
            #expect(outcome.failure == nil)
        }
        #expect(outcome.milliseconds <= 5000)
    }

    /// What a recipe does counts, step by step: without any one of them the part is left in another state.
    @Test(arguments: RecipeCase.all) func `no step of a recipe is idle`(part: RecipeCase) throws {
        let steps = try steps(part.compatible)
        let whole = try run(steps, [part.region()])
        let mutants = Self.mutants(steps)
        #expect(mutants.count >= 2)
        for (index, mutant) in mutants.enumerated() {
            let outcome = try run(mutant, [part.region()])
            #expect(
                outcome.failure != whole.failure || outcome.bytes != whole.bytes
                    || outcome.readOffsets != whole.readOffsets, "without step \(index)")
        }
    }

    /// The steps without one of them, for each; also of those that a read leads to.
    private static func mutants(_ steps: [ResetRecipe.Step]) -> [[ResetRecipe.Step]] {
        var all: [[ResetRecipe.Step]] = []
        for index in steps.indices {
            var less = steps
            less.remove(at: index)
            all.append(less)
            guard case .read(let register, let next) = steps[index] else { continue }
            // How many steps the read leads to depends on the part: a number over that drops none.
            for inner in 0..<next(inner(register)).count {
                var other = steps
                other[index] = .read(register) { value in
                    var steps = next(value)
                    if steps.indices.contains(inner) { steps.remove(at: inner) }
                    return steps
                }
                all.append(other)
            }
        }
        return all
    }

    /// What a register has in the parts here that are read for what to do.
    private static func inner(_ register: ResetStep.Register) -> UInt64 {
        switch register.offset {
        case 0x0C: 0b101
        case 0x6C: 1
        case 0xE00: 1 << 4
        case 0x124: 1 << 12 | 2 << 18
        default: 0
        }
    }

    @Test func `each recipe names its source and is for parts of its own`() {
        #expect(BuiltInRecipes.all.count == RecipeCase.all.count)
        let names = BuiltInRecipes.all.flatMap(\.compatible)
        #expect(Set(names).count == names.count)
        for recipe in BuiltInRecipes.all { #expect(recipe.source.count > 20 && recipe.source.contains(" ")) }
        for part in RecipeCase.all {
            #expect(BuiltInRecipes.recipe(for: ["x", part.compatible])?.name == part.compatible)
        }
        #expect(BuiltInRecipes.recipe(for: ["x", "y"]) == nil)
        #expect(BuiltInRecipes.recipe(for: []) == nil)
    }

    @Test func `the registers of a 16550 are where its node says`() throws {
        let recipe = try #require(BuiltInRecipes.recipe(for: ["ns16550a"])).recipe
        var region = FakeVFIODevice.Region()
        region.bytes = .init(repeating: 0xEE, count: 0x1000)
        region.model = RegisterModel([])
        let outcome = try run(recipe.steps(.init(offset: 0x100, shift: 2, width: 4)), [region])
        #expect(outcome.failure == nil)
        #expect([0x104, 0x108, 0x10C, 0x110, 0x11C].map(outcome.word) == [0, 0, 0, 0, 0])
        #expect([0x100, 0x114, 0x118, 0x0FC, 0x120].map(outcome.word) == .init(repeating: 0xEEEE_EEEE, count: 5))
        #expect(outcome.readOffsets == [0x100, 0x114, 0x118])
    }

    /// Of 32 ports that don't stop each would be waited for.
    @Test func `a recipe as a whole has a limit`() throws {
        var region = RecipeCase.named("generic-ahci").region(works: false)
        RegisterModel.set(.init(0x0C, .max, 0x7FFF_FFFF), in: &region.bytes)
        let outcome = try run(steps("generic-ahci"), [region])
        #expect(outcome.failure == .tooLong(device: "device", milliseconds: 10_000))
        #expect((10_000...10_010).contains(outcome.milliseconds))
        #expect(outcome.failure?.description == "device: the reset failed: it took more than 10000 ms")
    }

    @Test(arguments: ["generic-ahci", "generic-xhci", "arm,pl330", "snps,dwmac-4.10a"])
    func `a part that doesn't answer is said to be one`(compatible: String) throws {
        var region = FakeVFIODevice.Region(size: 0x4000)
        region.bytes = .init(repeating: 0xFF, count: 0x4000)
        let outcome = try run(steps(compatible), [region])
        guard case .noAnswer? = outcome.failure else {
            Issue.record("\(outcome.failure.map { "\($0)" } ?? "no failure")")
            return
        }
        #expect(
            outcome.failure?.description.contains("it reads as all ones; the device has no power or no clock") == true)
        #expect(outcome.milliseconds == 0)
    }

    // MARK: Steps

    @Test func `what each step does to a register`() throws {
        var region = FakeVFIODevice.Region(size: 0x20)
        region.bytes = .init(repeating: 0b1010_1010, count: 0x20)
        let steps: [ResetStep] = [
            .write(.init(offset: 0), value: 0x1234_5678, mask: 0xFFFF_FFFF),
            .write(.init(offset: 4, width: 2), value: 0x0055, mask: 0x00FF),
            .set(.init(offset: 8, width: 1), mask: 0x0F),
            .clear(.init(offset: 9, width: 1), mask: 0x0F),
            .write(.init(offset: 16, width: 8), value: 0x0102_0304_0506_0708, mask: .max), .delay(milliseconds: 7),
            .poll(.init(offset: 9, width: 1), value: 0xA0, mask: 0xFF, timeoutMilliseconds: 1),
        ]
        let outcome = try run(steps.map(ResetRecipe.Step.step), [region])
        #expect(outcome.failure == nil)
        #expect(outcome.bytes[0..<4] == [0x78, 0x56, 0x34, 0x12])
        #expect(outcome.bytes[4..<6] == [0x55, 0xAA])
        #expect(outcome.bytes[8..<10] == [0xAF, 0xA0])
        #expect(outcome.bytes[16..<24] == [8, 7, 6, 5, 4, 3, 2, 1])
        #expect(outcome.milliseconds == 7)
    }

    @Test func `a poll that isn't met fails in its time, and nothing behind it is done`() throws {
        let outcome = try run(
            [
                .step(.poll(.init(offset: 0), value: 1, mask: 3, timeoutMilliseconds: 25)),
                .step(.write(.init(offset: 4), value: 1, mask: 0xFFFF_FFFF)),
            ], [.init()])
        #expect(
            outcome.failure
                == .timedOut(
                    device: "device", step: "poll region 0 offset 0x0: bits 0x3 = 0x1", milliseconds: 25, value: 0))
        #expect(outcome.milliseconds == 25)
        #expect(outcome.word(4) == 0)
        #expect(
            outcome.failure?.description == """
                device: the reset failed: poll region 0 offset 0x0: bits 0x3 = 0x1 timed out after 25 ms at 0x0
                  check the device's clocks and power, run: martlet devices device
                """)
    }

    @Test(
        arguments: [
            (ResetStep.set(.init(region: 2, offset: 0), mask: 1), "the device has no region 2; it has 2"),
            (.set(.init(offset: 0x1000), mask: 1), "region 0 has 4096 bytes"),
            (.set(.init(offset: 0xFFE), mask: 1), "region 0 has 4096 bytes"),
            (.set(.init(offset: .max - 3), mask: 1), "region 0 has 4096 bytes"),
            (.set(.init(offset: 2), mask: 1), "the offset is not a multiple of the width, 4 bytes"),
            (.set(.init(offset: 0, width: 3), mask: 1), "a register can't have 3 bytes"),
            (.write(.init(region: 1, offset: 0), value: 0, mask: 0xFFFF_FFFF), "VFIO allows no writes to region 1"),
            (.poll(.init(region: 1, offset: 0), value: 1, mask: 1, timeoutMilliseconds: 1), nil),
        ] as [(ResetStep, String?)])
    func `a step that the device can't have is refused before it is done`(step: ResetStep, problem: String?) throws {
        let regions = [FakeVFIODevice.Region(), .init(access: [.read])]
        let outcome = try run([.step(step)], regions)
        if let problem {
            #expect(outcome.failure == .noRegister(device: "device", step: step.text, problem: problem))
            #expect(outcome.failure?.description == "device: the reset failed: \(step.text): \(problem)")
        } else {
            guard case .timedOut? = outcome.failure else {
                Issue.record("it was refused")
                return
            }
        }
        #expect(outcome.bytes.allSatisfy { $0 == 0 })
    }

    @Test func `an access that VFIO fails ends the reset`() throws {
        let part = RecipeCase.named("arm,pl061")
        let whole = try run(steps(part.compatible), [part.region()])
        for access in 1...7 {
            let outcome = try run(steps(part.compatible), [part.region()], failingAccess: access)
            guard case .vfio(.failed(_, .writeRegion(0, _, 4), _))? = outcome.failure else {
                Issue.record("\(outcome.failure.map { "\($0)" } ?? "no failure")")
                continue
            }
            #expect(outcome.bytes != whole.bytes)
        }
    }
}
