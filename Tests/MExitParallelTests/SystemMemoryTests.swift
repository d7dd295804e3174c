import Testing

@testable import MExitParallel

@Suite struct SystemMemoryTests {
    @Test func whatTheKernelCallsAvailable() {
        let text = "MemTotal:       24000000 kB\nMemFree:         1000000 kB\nMemAvailable:   20000000 kB\nSwapTotal:  9 kB\nSwapFree:  4 kB\n"
        #expect(SystemMemory.available(meminfo: text) == 20_000_004 << 10)
        #expect(SystemMemory.available(meminfo: "MemAvailable:   7 kB\n") == 7 << 10)
        for bad in ["", "MemTotal: 5 kB\n", "MemAvailable:\n", "MemAvailable: many kB\n"] { #expect(SystemMemory.available(meminfo: bad) == nil) }
    }

    @Test func thisMachineHasSome() {
        #expect(SystemMemory.available > 64 << 20 && SystemMemory.available < 1 << 50)
    }
}
