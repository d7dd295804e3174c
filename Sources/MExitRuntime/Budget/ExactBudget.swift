/// An exact budget that is being spent: on a batch that comes at once or in parts.
package struct ExactBudget: Sendable {
    let gains: BudgetGains
    var planner: BudgetPlanner

    /// - Parameter samples: of the whole batch.
    /// - Throws: ``RuntimeError`` when the budget does not pay the first exit for all, or the model's gain tables use an unknown measure.
    package init(_ budget: Budget, samples: Int, of model: CompiledModel) throws {
        gains = try BudgetGains(model)
        planner = try BudgetPlanner(budget: budget.macs, samples: samples, stageMACs: model.stageCosts.map(\.macs), aims: gains.hasLevels)
    }
}
