import Testing

@testable import MExitParallel

@Suite struct SystemMemoryTests {
    @Test func whatTheKernelCallsAvailable() {
        let text = "MemTotal:       24000000 kB\nMemFree:         1000000 kB\nMemAvailable:   20000000 kB\nSwapTotal:  9 kB\nSwapFree:  4 kB\n"
        #expect(SystemMemory.available(meminfo: text) == 20_000_004 << 10)
        #expect(SystemMemory.available(meminfo: "MemAvailable:   7 kB\n") == 7 << 10)
        for bad in ["", "MemTotal: 5 kB\n", "MemAvailable:\n", "MemAvailable: many kB\n"] { #expect(SystemMemory.available(meminfo: bad) == nil) }
    }

    @Test func whatIsLeftOfAContainersLimit() {
        #expect(SystemMemory.left(limit: "8000\n", stat: "anon 3000\nfile 9000\n") == 5000)
        #expect(SystemMemory.left(limit: "8000\n", stat: "cache 9\nrss 1\ntotal_rss 9000\n") == 0)
        #expect(SystemMemory.left(limit: "9223372036854771712\n", stat: "total_rss 12\n") == 9_223_372_036_854_771_700)
        #expect(SystemMemory.left(limit: "8000\n", stat: "") == 8000)
        for none in ["max\n", ""] { #expect(SystemMemory.left(limit: none, stat: "anon 3000\n") == nil) }
    }

    @Test func thisMachineHasSome() {
        #expect(SystemMemory.available > 64 << 20 && SystemMemory.available < 1 << 50)
    }
}
