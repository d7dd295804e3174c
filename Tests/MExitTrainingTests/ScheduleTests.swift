import Testing

@testable import MExitTraining

@Suite struct ScheduleTests {
    @Test func multistepFallsAtItsMilestones() throws {
        // Half and three quarters of 8 epochs, and an epoch by its number.
        let schedule = try LearningRateSchedule(
            base: 0.1, shape: .multistep(milestones: [0.5, 0.75, 7], gamma: 0.1), epochs: 8, stepsPerEpoch: 10)
        for (step, expected) in [(0, 0.1), (39, 0.1), (40, 0.01), (59, 0.01), (60, 0.001), (69, 0.001), (70, 1e-4), (79, 1e-4)] {
            #expect(abs(schedule.rate(step: step) - expected) <= 1e-12 * expected, "step \(step)")
        }
    }

    @Test func aShareOfFewEpochsIsAtLeastOne() throws {
        let schedule = try LearningRateSchedule(base: 0.1, shape: .multistep(milestones: [0.1], gamma: 0.1), epochs: 3, stepsPerEpoch: 2)
        #expect(schedule.rate(step: 1) == 0.1)
        #expect(abs(schedule.rate(step: 2) - 0.01) < 1e-12)
    }

    @Test func cosineFallsToZeroBehindTheWarmUp() throws {
        let schedule = try LearningRateSchedule(base: 0.4, shape: .cosine, warmup: 2, epochs: 10, stepsPerEpoch: 5)
        // Warm-up: 10 steps in a straight line up to the full rate.
        for step in 0..<10 { #expect(abs(schedule.rate(step: step) - 0.4 * Double(step + 1) / 10) < 1e-12) }
        #expect(abs(schedule.rate(step: 10) - 0.4) < 1e-12)
        #expect(abs(schedule.rate(step: 30) - 0.2) < 1e-12)
        #expect(schedule.rate(step: 50) < 1e-12)
        let rates = (10...50).map(schedule.rate(step:))
        #expect(zip(rates, rates.dropFirst()).allSatisfy(>))
        #expect(schedule.rate(step: 49) > 0)
    }

    @Test func constantStaysBehindTheWarmUp() throws {
        let schedule = try LearningRateSchedule(base: 0.3, shape: .constant, warmup: 1, epochs: 9, stepsPerEpoch: 2)
        #expect(abs(schedule.rate(step: 0) - 0.15) < 1e-12)
        #expect((1..<18).allSatisfy { schedule.rate(step: $0) == 0.3 })
    }

    @Test func withoutWarmUpTheFirstStepHasTheFullRate() throws {
        let schedule = try LearningRateSchedule(base: 0.3, shape: .cosine, epochs: 1, stepsPerEpoch: 4)
        #expect(schedule.rate(step: 0) == 0.3)
    }

    @Test func impossibleNumbersAreRefused() {
        func make(_ base: Double, _ shape: LearningRateSchedule.Shape, _ warmup: Double = 0, epochs: Int = 3) throws {
            _ = try LearningRateSchedule(base: base, shape: shape, warmup: warmup, epochs: epochs, stepsPerEpoch: 2)
        }
        #expect(throws: TrainingError.self) { try make(0, .cosine) }
        #expect(throws: TrainingError.self) { try make(.nan, .cosine) }
        #expect(throws: TrainingError.self) { try make(0.1, .cosine, 4) }
        #expect(throws: TrainingError.self) { try make(0.1, .cosine, -1) }
        #expect(throws: TrainingError.self) { try make(0.1, .cosine, epochs: 0) }
        #expect(throws: TrainingError.self) { try make(0.1, .multistep(milestones: [0.5, 0.25], gamma: 0.1)) }
        #expect(throws: TrainingError.self) { try make(0.1, .multistep(milestones: [0], gamma: 0.1)) }
        #expect(throws: TrainingError.self) { try make(0.1, .multistep(milestones: [0.5], gamma: 0)) }
    }
}
