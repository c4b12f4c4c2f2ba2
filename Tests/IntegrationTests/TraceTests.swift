// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Testing

extension Integration {
    /// What `--trace` does to a guest: nothing.
    @Suite(.onEmulatedHost)
    struct TraceTests {
        /// Standard error is a pipe that is full before Martlet starts, and that nobody reads until the guest is done.
        @Test func `a guest never waits for whoever reads the traces`() throws {
            let folder = try TemporaryFolder()
            let file = try GuestConfiguration.linux(
                "rtc", "martlet.alarms=3", devices: [.on("eventfd", HostDevices.rtc, mapTimeout: 20)]
            ).write(to: folder)
            let done = "\(folder.path)/done"
            let process = try MartletProcess(
                [
                    "-c",
                    """
                    { { head -c 65536 /dev/zero >&2; exec \(Host.martlet) run \(file) --trace '*'; } 2>&1 >&3 |
                        { until [ -e \(done) ]; do usleep 100000; done; tr -d '\\0' >&2; }; } 3>&1
                    """,
                ], program: "/bin/sh")

            try process.waitForOutput("martlet-guest: alarms armed 3 received 3")
            #expect(process.errors.isEmpty, "nobody has read it yet")
            _ = try folder.file("done", "")

            #expect(try process.waitForEnd() == 0, "\(process.errors)")
            let lines = process.errors.split(separator: "\n").map { $0.split(separator: " ") }
            for event in ["realize", "start_eventfd_injection", "intp_interrupt", "eoi", "mmap_enable"] {
                #expect(lines.contains { $0.count > 1 && $0[1] == "vfio_platform_\(event)" }, "\(process.errors)")
            }
            let times = lines.filter { $0.count > 1 && $0[1].hasPrefix("vfio_") }.compactMap { Double($0[0]) }
            #expect(times.count >= 10 && times == times.sorted())
            #expect(process.errors.contains("guest: power-off"))
            try expectUsable(HostDevices.rtc)
        }
    }
}
