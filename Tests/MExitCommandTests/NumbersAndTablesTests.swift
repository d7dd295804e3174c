import MExitCommand
import Testing

@Suite struct NumbersAndTablesTests {
    @Test func numbersWithSuffixes() {
        for (text, value) in [("20M", 20e6), ("1.5G", 1.5e9), ("300k", 300e3), ("2K", 2e3), ("1T", 1e12), ("0", 0), ("2e6", 2e6), ("1e-3", 1e-3)] {
            #expect(SINumber(argument: text)?.value == value, "\(text)")
        }
        for text in ["", "M", "-1", "-1M", "nan", "inf", "0x10", "1 M", "1MM", "20m", "1e400", "１"] {
            #expect(SINumber(argument: text) == nil, "\(text)")
        }
    }

    @Test func numbersArePrintedShort() {
        #expect(SINumber.format(75_490_000.0, digits: 2) == "75.49M")
        #expect(SINumber.format(999) == "999")
        #expect(SINumber.format(1000) == "1.0k")
        #expect(SINumber.format(0.5) == "0.5")
        #expect(SINumber.fixed(-0.001, digits: 2) == "0.00")
        #expect(SINumber.fixed(-1.005, digits: 1) == "-1.0")
        #expect(SINumber.fixed(2.05, digits: 0) == "2")
        #expect(SINumber.fixed(.nan, digits: 2) == "nan")
    }

    @Test func tablesAreAligned() {
        var table = TextTable([.init("name", .left), .init("n")])
        table.append(["a", "1000"])
        table.append(["long name"])
        #expect(table.render() == "name          n\na          1000\nlong name\n")
    }

    @Test func listsOfExitsAscend() {
        #expect(ExitsArgument(argument: "1,3,6")?.indices == [1, 3, 6])
        for text in ["", ",", "3,1", "1,1", "-1", "a"] { #expect(ExitsArgument(argument: text) == nil, "\(text)") }
        #expect(ShapeArgument(argument: "3x32x32")?.shape == .map(channels: 3, height: 32, width: 32))
        for text in ["", "3x", "3x0x3", "3x3", "x"] { #expect(ShapeArgument(argument: text) == nil, "\(text)") }
    }
}
