// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Foundation
import Testing

/// The golden file of all texts is what the program says, and lacks none.
///
/// To add a text: give the new case a sample in the file of its module (Samples+….swift), then run "make generate".
/// Texts of log calls and other literals need no sample: the sources are read for them.
struct MessageTests {
    private static let folder = #filePath.replacing("/MessageTests.swift", with: "")
    private static let path = "\(folder)/messages.txt"
    private static let sources = "\(folder)/../../Sources"

    /// Types that need no sample: their text is a notation, a file's content or a part of another type's texts.
    private static let notations: Set = [
        // Numbers and names.
        "GuestAddress", "GuestRange", "SPI", "IOVARange", "CoreRegister", "SystemRegister", "CPUList", "Errno",
        // Devicetree source and files of Martlet's own.
        "Tree", "Node", "PropertyValue", "FormerBinding", "HostRecord",
        // A number of bytes in a table; a line of the log; a fate, whose text is its cause's; a byte for the guest.
        "UInt64", "Line", "PropertyFate", "BlockRequest.Status",
    ]

    @Test func `the golden file has what the program says`() throws {
        let messages = try Self.messages().file
        if ProcessInfo.processInfo.environment["MARTLET_GENERATE"] != nil {
            try messages.write(toFile: Self.path, atomically: true, encoding: .utf8)
        }
        let golden = try String(contentsOfFile: Self.path, encoding: .utf8)
        #expect(Self.difference(golden, messages) == nil, "messages.txt is stale: run make generate, and read its diff")
    }

    @Test func `every case that becomes text has a sample`() throws {
        let sources = try SourceTexts(folder: Self.sources)
        #expect(sources.types.count > 40, "the sources were not understood")
        let lacking = Self.lacking(sources, try Self.messages())
        #expect(lacking.isEmpty)
    }

    // MARK: The checks can fail

    private static let sample = """
        enum Fire: Error, CustomStringConvertible {
            case small, large(metres: Int)
            case named = "x"
            var description: String { switch self { case .small: "a small fire" default: "a large fire" } }
            struct Smoke { var text: String { "much smoke" } }
        }
        // "a comment says this"
        extension Fire { func shout() { log(.warning, "run to \\(place("the door")) " + "at once") } }
        struct Alarm { let bell = "the bell rings" }
        """

    @Test func `a case or a type without a sample is named`() {
        let sources = SourceTexts([("House", SwiftTokens.of(Self.sample))])
        #expect(sources.types.mapValues { $0.sorted() } == ["Fire": ["large", "named", "small"], "Fire.Smoke": []])
        #expect(sources.loose == [SourceTexts.Loose(place: "House: Alarm", text: "the bell rings")])
        var messages = Messages()
        messages.add("Fire.small", "a small fire")
        messages.add("Fire.named", "a named fire")
        #expect(
            Self.lacking(sources, messages)
                == ["Fire.Smoke", "Fire.large"].map { "\($0) has no sample in Tests/MessagesTests" })
    }

    @Test func `texts in types that don't become text are found in the sources`() {
        let source = Self.sample.replacing("Error, CustomStringConvertible", with: "Sendable")
            .replacing("var description", with: "var name")
        #expect(
            SourceTexts([("House", SwiftTokens.of(source))]).loose.map(\.text).sorted() == [
                "a large fire", "a small fire", "run to \\(place(\"the door\")) at once", "the bell rings",
            ])
    }

    @Test func `the first line that differs is named`() {
        #expect(Self.difference("a\nb\nc", "a\nb\nc") == nil)
        #expect(Self.difference("a\nb\nc", "a\nx\nc") == "line 2: \"b\" in the file, \"x\" said")
        #expect(Self.difference("a\nb", "a\nb\nc") == "line 3: \"\" in the file, \"c\" said")
    }

    private static func difference(_ golden: String, _ said: String) -> String? {
        let golden = golden.split(separator: "\n", omittingEmptySubsequences: false)
        let said = said.split(separator: "\n", omittingEmptySubsequences: false)
        for index in 0..<max(golden.count, said.count) {
            let (old, new) = (golden.dropFirst(index).first ?? "", said.dropFirst(index).first ?? "")
            if old != new { return "line \(index + 1): \"\(old)\" in the file, \"\(new)\" said" }
        }
        return nil
    }

    private static func lacking(_ sources: SourceTexts, _ messages: Messages) -> [String] {
        var names: [String] = []
        for (type, cases) in sources.types where !notations.contains(type) {
            names += cases.isEmpty ? [type] : cases.map { "\(type).\($0)" }
        }
        return names.sorted().filter { !messages.has($0) }.map { "\($0) has no sample in Tests/MessagesTests" }
    }

    private static func messages() throws -> Messages {
        var messages = Messages()
        messages.addLow()
        try messages.addHost()
        try messages.addVFIO()
        messages.addDeviceTree()
        messages.addGuestNodes()
        messages.addConfiguration()
        try messages.addPassthrough()
        try messages.addMachine()
        messages.addKernels()
        messages.addVirtio()
        try messages.addReports()
        try messages.addCommands()
        for loose in try SourceTexts(folder: sources).loose.sorted(by: { ($0.place, $0.text) < ($1.place, $1.text) }) {
            messages.add("Other texts of \(loose.place)", loose.text)
        }
        return messages
    }
}
