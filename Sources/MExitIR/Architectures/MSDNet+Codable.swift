extension MSDNetConfiguration: Codable {
    private enum Key: String, CodingKey, CaseIterable {
        case exits, base, step, stepMode, channels, growth, growthFactors, bottleneckFactors, bottleneck, dropsScales, reduction
        case stem, headChannels
    }

    /// Every field may be left out and then has its default; a field of another name is an error, since it would be a
    /// misspelt wish that goes unheard.
    public init(from decoder: Decoder) throws {
        try Architectures.refuseUnknownKeys(in: decoder, known: Key.allCases.map(\.rawValue))
        let container = try decoder.container(keyedBy: Key.self)
        func read<Value: Decodable>(_ key: Key, into value: inout Value) throws {
            if let found = try container.decodeIfPresent(Value.self, forKey: key) { value = found }
        }
        try read(.exits, into: &exits)
        try read(.base, into: &base)
        try read(.step, into: &step)
        try read(.stepMode, into: &stepMode)
        try read(.channels, into: &channels)
        try read(.growth, into: &growth)
        try read(.growthFactors, into: &growthFactors)
        try read(.bottleneckFactors, into: &bottleneckFactors)
        try read(.bottleneck, into: &bottleneck)
        try read(.dropsScales, into: &dropsScales)
        try read(.reduction, into: &reduction)
        try read(.stem, into: &stem)
        // Null means "as wide as the coarsest scale"; absence means the default.
        if container.contains(.headChannels) { headChannels = try container.decode(Int?.self, forKey: .headChannels) }
    }

    public func encode(to encoder: Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(exits, forKey: .exits)
        try container.encode(base, forKey: .base)
        try container.encode(step, forKey: .step)
        try container.encode(stepMode, forKey: .stepMode)
        try container.encode(channels, forKey: .channels)
        try container.encode(growth, forKey: .growth)
        try container.encode(growthFactors, forKey: .growthFactors)
        try container.encode(bottleneckFactors, forKey: .bottleneckFactors)
        try container.encode(bottleneck, forKey: .bottleneck)
        try container.encode(dropsScales, forKey: .dropsScales)
        try container.encode(reduction, forKey: .reduction)
        try container.encode(stem, forKey: .stem)
        try container.encode(headChannels, forKey: .headChannels)
    }
}
