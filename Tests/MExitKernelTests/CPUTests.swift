import CMExitKernels
import Testing

@Suite struct CPUTests {
    @Test func scalarAlwaysRunsAndTheBestRuns() {
        #expect(mexit_cpu_has(MEXIT_ISA_SCALAR))
        #expect(mexit_cpu_has(mexit_cpu_best()))
        #expect(!mexit_cpu_has(mexit_isa(rawValue: 99)))
    }

    @Test func namesAreThoseOfTheDisableVariable() {
        let names = [MEXIT_ISA_SCALAR, MEXIT_ISA_NEON, MEXIT_ISA_AVX2, MEXIT_ISA_AVX512].map { String(cString: mexit_isa_name($0)) }
        #expect(names == ["scalar", "neon", "avx2", "avx512"])
    }

    @Test func theDisableVariableIsUnderstood() {
        #expect(mexit_cpu_disable_error() == nil)
    }
}
