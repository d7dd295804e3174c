import MExitRuntime

extension InferenceLoop {
    /// Answers a job from its newest exit and gives its slot back.
    func leave(_ job: Job, now: Int64) {
        do {
            let sample = try answer(job)
            context.release(job.slot)
            statistics.recordAnswer(
                sample.answer,
                Statistics.Timing(
                    latency: now - job.ticket.received, queue: job.started - job.ticket.received, compute: job.computeTime,
                    isLate: job.deadline.map { now > $0 } ?? false))
            switch job.owner {
            case .request:
                send(.result(response(job, sample, isFinal: true, now: now)), to: job.ticket, isLast: true)
            case .batch(let batch, let index):
                batch.record(.success(sample), at: index)
                if batch.remaining == 0 { finish(batch) }
            }
        } catch {
            fail(job, RequestError(.internal, "\(error)"))
        }
    }

    /// Sends an answer that is followed by another.
    func sendAnytime(_ job: Job, _ request: ClassifyRequest, now: Int64) throws {
        send(.result(response(job, try answer(job), isFinal: false, now: now)), to: job.ticket, isLast: false)
    }

    func send(_ response: Response, to ticket: Ticket, isLast: Bool) {
        outbox.append(OutputItem(response: response, ticket: ticket, isLast: isLast))
    }

    /// Gives a job up.
    func fail(_ job: Job, _ error: RequestError) {
        if job.slot >= 0 { context.release(job.slot) }
        switch job.owner {
        case .request:
            send(.error(error, line: job.ticket.line), to: job.ticket, isLast: true)
        case .batch(let batch, let index):
            if batch.request.mode == .exact { exactBatches.first?.gaveUp(job) }
            batch.record(.failure(error), at: index)
            if batch.remaining == 0 { finish(batch) }
        }
    }

    func finish(_ batch: BatchProgress) {
        send(.batch(batch.response(now: MonotonicTime.now())), to: batch.ticket, isLast: true)
    }

    private func answer(_ job: Job) throws -> SampleAnswer {
        guard let verdict = job.newest else { throw RequestError(.internal, "a sample has no verdict yet") }
        let options: AnswerOptions
        switch job.owner {
        case .request(let request): options = request.options
        case .batch(let batch, _): options = batch.request.options
        }
        return SampleAnswer(answer: try context.answer(of: job.slot, verdict), temperature: job.temperature, options: options)
    }

    private func response(_ job: Job, _ sample: SampleAnswer, isFinal: Bool, now: Int64) -> ResultResponse {
        ResultResponse(
            sample: sample, queueTime: job.started - job.ticket.received, computeTime: job.computeTime, isFinal: isFinal,
            isLate: job.deadline.map { now > $0 })
    }
}
