// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Board
import DeviceTree
import Glibc
import GuestMemory
import KVM
import KernelFakes
import LinuxSystem
import PlatformBus
import Synchronization
import Testing

@testable import Devices

/// A console that a test types on.
final class TestConsole: ConsoleEnd {
    private let state = Mutex(
        (sent: [UInt8](), receive: (@Sendable ([UInt8]) -> Int)?.none, roomSignals: 0, isPaused: false))
    var sent: [UInt8] { state.withLock { $0.sent } }
    var isConnected: Bool { state.withLock { $0.receive != nil } }
    var isPaused: Bool { state.withLock { $0.isPaused } }

    func transmit(_ byte: UInt8) { state.withLock { $0.sent.append(byte) } }
    func inputReady() { state.withLock { $0.roomSignals += 1 } }
    func connect(_ receive: @escaping @Sendable ([UInt8]) -> Int) { state.withLock { $0.receive = receive } }
    func disconnect() { state.withLock { $0.receive = nil } }
    func pause() { state.withLock { $0.isPaused = true } }
    func resume() { state.withLock { $0.isPaused = false } }
    func type(_ bytes: [UInt8]) -> Int { state.withLock { $0.receive }?(bytes) ?? 0 }
}

/// The order in which a device's parts go.
@Suite struct ReleaseOrderTests {
    @Test func `a timer goes before its loop`() throws {
        let kernel = FakeKernel()
        var timer: ClockTimer? = try ClockTimer(loop: try EventLoop(of: kernel), system: kernel)
        withExtendedLifetime(timer) { #expect(kernel.held == ["epoll_create1", "eventfd", "timerfd_create"]) }
        timer = nil
        #expect(kernel.held.isEmpty)
        #expect(kernel.disorder == nil, "\(kernel.journal)")
    }
}

/// The board's own devices: what each says of itself, and that it comes alive and goes without a trace.
@Suite struct BoardDeviceTests {
    private let kernel = FakeKernel()
    private let console = TestConsole()
    private let controls = BoardControls()

    init() {
        kernel.withState { state in
            state.devices.insert("/dev/kvm")
            state.kvm.capabilities[165] = 40  // KVM_CAP_ARM_VM_IPA_SIZE
        }
    }

    private func place(_ base: UInt64, _ size: UInt64, spi: UInt32 = 3) throws -> Place {
        Place(
            windows: [try #require(GuestRange(base: GuestAddress(base), size: size))], lines: [SPI(rawValue: spi)])
    }

    private func nodes(_ device: some BoardDevice, _ place: Place) throws -> (nodes: [Node], shared: [Node]) {
        var shared = SharedNodes(phandles: PhandleAllocator())
        return (try device.nodes(at: place, shared: &shared), shared.nodes)
    }

    @Test func `the serial port describes itself`() throws {
        let node = try #require(try nodes(SerialPort(), try place(0x4000_a000, NS16550A.byteCount)).nodes.first)
        #expect(node.name == "serial@4000a000")
        #expect(node[property: "compatible"]?.strings == ["ns16550a"])
        #expect(
            node[property: "reg"]?.registerBlocks(counts: CellCounts(address: 2, size: 2))
                == [RegisterBlock(address: 0x4000_a000, size: 8)])
        #expect(node[property: "interrupts"] == .cells([0, 3, 4]))
        #expect(node[property: "clock-frequency"]?.cell == 1_843_200)
    }

    @Test func `the clock describes itself`() throws {
        let (nodes, shared) = try nodes(RealTimeClock(), try place(0x1_0000_0000, PL031.byteCount))
        let node = try #require(nodes.first)
        #expect(node.name == "rtc@100000000")
        #expect(node[property: "compatible"]?.strings == ["arm,pl031", "arm,primecell"])
        #expect(
            node[property: "reg"]?.registerBlocks(counts: CellCounts(address: 2, size: 2))
                == [RegisterBlock(address: 0x1_0000_0000, size: 0x1000)])
        #expect(node[property: "interrupts"] == .cells([0, 3, 4]))
        #expect(node[property: "clocks"]?.phandle == shared.first?.phandle)
        #expect(shared.first?[property: "clock-frequency"] == .cell(24_000_000))
        #expect(node[property: "clock-names"]?.strings == ["apb_pclk"])
    }

    @Test func `the power key is a key at a GPIO block`() throws {
        let nodes = try nodes(PowerKey(), try place(0x903_0000, PL061.byteCount)).nodes
        #expect(nodes.map(\.name) == ["gpio@9030000", "power-key"])
        let phandle = try #require(nodes[0].phandle)
        #expect(nodes[0][property: "compatible"]?.strings == ["arm,pl061", "arm,primecell"])
        #expect(nodes[0][property: "gpio-controller"] == .empty)
        let key = try #require(nodes[1].children.first)
        #expect(key[property: "gpios"] == .cells([phandle.rawValue, 3, 0]))
        #expect(key[property: "linux,code"]?.cell == 116)
    }

    @Test func `the reset controller has the phandle that nodes refer to`() throws {
        var shared = SharedNodes(phandles: PhandleAllocator())
        let phandle = try shared.phandleOfResetController()
        let nodes = try ResetController().nodes(at: try place(0x904_0000, ResetRegisters.byteCount), shared: &shared)
        let node = try #require(nodes.first)
        #expect(node.name == "reset-controller@9040000" && node.phandle == phandle)
        #expect(node[property: "compatible"]?.strings == ["snps,dw-low-reset"])
        #expect(node[property: "#reset-cells"]?.cell == 1)
        #expect(
            node[property: "reg"]?.registerBlocks(counts: CellCounts(address: 2, size: 2))
                == [RegisterBlock(address: 0x904_0000, size: 0x1000)])
    }

    private func context(_ bus: BusMap, _ loop: EventLoop) throws -> DeviceContext {
        let vm = try VirtualMachine(try Hypervisor(calls: kernel), addressBits: 32)
        return DeviceContext(
            vm: vm, memory: try GuestRAM([]), bus: bus, loop: loop, console: console, controls: controls,
            log: .silent)
    }

    @Test(arguments: [SerialPort() as any BoardDevice, RealTimeClock(), PowerKey(), ResetController(actions: [nil])])
    func `a device that goes leaves nothing`(device: any BoardDevice) throws {
        let request = try #require(device.windows.first)
        let place = try place(request.usual.rawValue, request.size)
        let bus = BusMap(windows: [], spiCount: 64, fixed: place.windows)
        try bus.reserve(device.name, place.windows[0])
        do {
            let loop = try EventLoop(of: kernel)
            let context = try context(bus, loop)
            let live = try device.start(at: place, in: context)
            // The registers answer: each of them has one that isn't zero just out of reset.
            let dispatcher = bus.makeDispatcher()
            let offset: UInt64 = device is SerialPort ? 5 : device is ResetController ? 0 : 0xff4
            #expect(dispatcher.read(place.windows[0].base.adding(offset)!, .byte) != 0)
            live.quiesce()
        }
        #expect(bus.makeDispatcher().read(place.windows[0].base, .byte) == 0)
        #expect(bus.regions.count == 1, "the claim is the plan's")
        #expect(kernel.held.isEmpty)
        #expect(!console.isConnected && !controls.pressPowerKey())
    }

    @Test func `the serial port is joined to the console`() throws {
        let place = try place(0x900_0000, NS16550A.byteCount)
        let bus = BusMap(windows: [], spiCount: 64, fixed: place.windows)
        let context = try context(bus, try EventLoop(of: kernel))
        let live = try SerialPort().start(at: place, in: context)
        let dispatcher = bus.makeDispatcher()
        dispatcher.write(place.windows[0].base, .byte, UInt64(UInt8(ascii: "m")))
        #expect(console.sent == [UInt8(ascii: "m")])
        #expect(console.type([7]) == 1)
        #expect(dispatcher.read(place.windows[0].base, .byte) == 7)
        withExtendedLifetime(live) {}
    }

    /// Linux's gpio-keys waits for both edges.
    @Test func `a press raises line 3, and a timer lets go of it`() throws {
        let place = try place(0x903_0000, PL061.byteCount)
        let bus = BusMap(windows: [], spiCount: 64, fixed: place.windows)
        let loop = try EventLoop()
        let context = try context(bus, loop)
        let live = try PowerKey().start(at: place, in: context)
        let dispatcher = bus.makeDispatcher()
        let data = place.windows[0].base.adding(0x3fc)!
        #expect(dispatcher.read(data, .byte) == 0)
        #expect(controls.pressPowerKey())
        #expect(dispatcher.read(data, .byte) == 8)
        withExtendedLifetime(live) {}
    }

    // MARK: Pauses

    @Test func `a serial port's pause is the console's`() throws {
        let place = try place(0x900_0000, NS16550A.byteCount)
        let bus = BusMap(windows: [], spiCount: 64, fixed: place.windows)
        let live = try SerialPort().start(at: place, in: try context(bus, try EventLoop(of: kernel)))
        live.pause()
        #expect(console.isPaused)
        live.resume()
        #expect(!console.isPaused)
    }

    /// SPI 3 in KVM_IRQ_LINE's encoding.
    private var lineIsHigh: Bool { kernel.withState { $0.kvm.lines[1 << 24 | 35] ?? false } }

    @Test(arguments: [true, false]) func `an alarm that falls due during a pause comes after it`(isPaused: Bool) throws
    {
        let place = try place(0x901_0000, PL031.byteCount)
        let bus = BusMap(windows: [], spiCount: 64, fixed: place.windows)
        let loop = try EventLoop(of: kernel)
        let live = try RealTimeClock().start(at: place, in: try context(bus, loop))
        let dispatcher = bus.makeDispatcher()
        let base = place.windows[0].base
        // RTCIMSC, and RTCMR for the next second but one.
        dispatcher.write(base.adding(0x10)!, .word, 1)
        dispatcher.write(base.adding(0x04)!, .word, dispatcher.read(base, .word) + 2)
        if isPaused { live.pause() }
        let thread = try SystemThread(name: "loop") { try? loop.run() }
        #expect(waits(3000) { lineIsHigh } == !isPaused)
        loop.stop()
        thread.join()
        if isPaused { live.resume() }
        #expect(lineIsHigh)
        // RTCICR: it came once.
        dispatcher.write(base.adding(0x1c)!, .word, 1)
        #expect(!lineIsHigh)
        live.pause()
        live.resume()
        #expect(!lineIsHigh)
    }

    @Test func `a press lasts until after the pause, and one that comes in a pause too`() throws {
        let place = try place(0x903_0000, PL061.byteCount)
        let bus = BusMap(windows: [], spiCount: 64, fixed: place.windows)
        let loop = try EventLoop()
        let live = try PowerKey().start(at: place, in: try context(bus, loop))
        let dispatcher = bus.makeDispatcher()
        let data = place.windows[0].base.adding(0x3fc)!
        let thread = try SystemThread(name: "loop") { try? loop.run() }
        for pressesFirst in [true, false] {
            if pressesFirst { controls.pressPowerKey() }
            live.pause()
            if !pressesFirst { controls.pressPowerKey() }
            usleep(200_000)
            #expect(dispatcher.read(data, .byte) == 8, "a press lasts 100 ms, and it is paused")
            live.resume()
            #expect(dispatcher.read(data, .byte) == 8)
            #expect(waits(5000) { dispatcher.read(data, .byte) == 0 })
        }
        loop.stop()
        thread.join()
    }
}
