import MExitIR
import MExitRuntime
import Testing
import _MExitTestSupport

/// Gain tables of a model, asked through the runtime.
@Suite struct ExpectedGainsTests {
    private func model() throws -> Model {
        var model = try Networks.tiny()
        model.gainTables = GainTables(
            measure: "margin", temperatures: [1, 2, 3, 4, 5],
            exits: (0..<4).map { exit in
                // Sure samples gain nothing; of the others each exit is right a tenth more often than the one before it.
                let sure = [Double](repeating: 1, count: 5 - exit)
                return GainTable(edges: [0.5], accuracy: [(exit..<5).map { 0.5 + 0.1 * Double($0) }, sure], counts: [10, 10])
            })
        return model
    }

    @Test func theSteepestWayCounts() throws {
        let compiled = try CompiledModel(try model())
        let gains = try #require(try ExpectedGains(compiled))
        let macs = compiled.cumulativeCosts.map { Double($0.macs) }
        for stage in 0..<4 {
            let slopes = (stage + 1..<5).map { 0.1 * Double($0 - stage) / (macs[$0] - macs[stage]) }
            #expect(abs(gains.perMAC(stage: stage, certainty: 0.2) - (slopes.max() ?? 0)) < 1e-15)
            #expect(gains.perMAC(stage: stage, certainty: 0.5) == 0)
            #expect(gains.accuracy(stage: stage, certainty: 0.2) == (stage..<5).map { 0.5 + 0.1 * Double($0) })
        }
        #expect(!gains.hasLevels && gains.goesOnFrom(stage: 0, certainty: 0.2) == nil)
        #expect(try ExpectedGains(CompiledModel(Networks.tiny())) == nil)
    }

    /// The policy runs to the end, and shows the certainty that the tables are made for.
    @Test func itsPolicyNeverLeavesEarly() throws {
        let model = try model()
        let compiled = try CompiledModel(model)
        let gains = try #require(try ExpectedGains(compiled))
        let answer = try InferenceContext(compiled).classify(.values(Networks.input(model, seed: 3)), policy: gains.policy)
        #expect(answer.exit == 4)
        #expect(gains.policy.policy.temperatures == [1, 2, 3, 4, 5])
    }

    /// A plan for some of the exits takes their tables and columns.
    @Test func subsetsOfExits() throws {
        let compiled = try CompiledModel(try model(), options: CompileOptions(exits: [1, 4]))
        let gains = try #require(try ExpectedGains(compiled))
        #expect(gains.policy.policy.temperatures == [2, 5])
        #expect(gains.accuracy(stage: 0, certainty: 0) == [0.6, 0.9])
    }
}
