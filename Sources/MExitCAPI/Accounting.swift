import CMExitAPI
import MExitRuntime

@_cdecl("mexit_context_totals")
public func mexitContextTotals(_ context: OpaquePointer?, _ totals: UnsafeMutablePointer<mexit_totals>?) -> mexit_status {
    attempting {
        let destination = try present(totals, "totals")
        let totals = try Handle.object(context, ContextHandle.self, "context").alone { $0.totals }
        destination.pointee = mexit_totals(
            samples: Int64(totals.samples), unanswered: Int64(totals.unanswered), macs: Int64(totals.macs),
            macs_saved: Int64(totals.macsSaved), flops: Int64(totals.flops), flops_saved: Int64(totals.flopsSaved))
    }
}

@_cdecl("mexit_context_stage_totals")
public func mexitContextStageTotals(
    _ context: OpaquePointer?, _ stage: Int32, _ totals: UnsafeMutablePointer<mexit_stage_totals>?
) -> mexit_status {
    attempting {
        let destination = try present(totals, "totals")
        let (answers, times) = try Handle.object(context, ContextHandle.self, "context").alone { context in
            try check(stage, of: context.model)
            return (context.totals.exits[Int(stage)], context.totals.stages[Int(stage)])
        }
        destination.pointee = mexit_stage_totals(
            answers: Int64(answers), runs: Int64(times.runs), samples: Int64(times.samples), time: nanoseconds(times.time),
            median_time: nanoseconds(times.time(ofShare: 0.5)), p99_time: nanoseconds(times.time(ofShare: 0.99)),
            longest_time: nanoseconds(times.time(ofShare: 1)))
    }
}

/// Whole nanoseconds; the largest number where they do not fit.
private func nanoseconds(_ duration: Duration) -> Int64 {
    let (seconds, attoseconds) = duration.components
    let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, overflowToo) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
    return overflow || overflowToo ? .max : sum
}
