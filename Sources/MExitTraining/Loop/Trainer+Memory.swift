extension Trainer {
    /// Bytes that training takes at most, from what it allocates: parameters, momentum and averages, one gradient per exit, the
    /// activations of a batch, the images, and the copies that are made while files are written; 64 MiB more for the program itself.
    public var memoryBound: Int {
        let parameters = state.parameters
        let numbers = 4 * (parameters.values.count + parameters.statisticsValues.count)
        let momentum = 4 * parameters.values.count
        let average = state.average == nil ? 0 : numbers
        let held = numbers + momentum + average + 4 * gradients.values.count + network.plannedBytes
        // A state is copied tensor by tensor, shuffled and compressed before it is written.
        let saving = 3 * (numbers + momentum + average)
        return held + saving + imageBytes + (64 << 20)
    }
}
