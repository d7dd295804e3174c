import MExitParallel

extension Trainer {
    /// Bytes that training takes at most, from what it allocates: parameters, momentum and averages, one gradient per exit, the
    /// activations of a batch, the images, and the copies that are made while files are written; 64 MiB more for the program itself.
    public var memoryBound: Int {
        let parameters = state.parameters
        let numbers = 4 * (parameters.values.count + parameters.statisticsValues.count)
        let momentum = 4 * parameters.values.count
        let average = state.average == nil ? 0 : numbers
        let held = numbers + momentum + average + 4 * gradients.values.count + network.plannedBytes
        return held + savingBytes + imageBytes + (64 << 20)
    }

    /// Of the copies that are made while files are written: a state is copied tensor by tensor, shuffled and compressed.
    private var savingBytes: Int {
        let parameters = state.parameters
        let numbers = 4 * (parameters.values.count + parameters.statisticsValues.count)
        return 3 * (numbers + 4 * parameters.values.count + (state.average == nil ? 0 : numbers))
    }

    /// - Throws: ``NetworkError`` when there is no memory left for that: the first epoch would end with it.
    func checkSaving(available: Int = SystemMemory.available) throws {
        guard savingBytes <= available else {
            throw NetworkError(
                "saving needs \((savingBytes - 1) >> 20 + 1) MiB of memory beside what training takes, of which \(available >> 20) MiB can be had; use a smaller batch or network")
        }
    }
}
