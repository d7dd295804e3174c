extension MSDNetConfiguration {
    private enum Key: String, CodingKey, CaseIterable {
        case exits, base, step, stepMode, channels, growth, growthFactors, bottleneckFactors, bottleneck, dropsScales, reduction
        case stem, headChannels, ensemble
    }

    /// Every field may be left out and then has its default; a field of another name is an error, since it would be a
    /// misspelt wish that goes unheard.
    public init(from decoder: Decoder) throws {
        try Architectures.refuseUnknownKeys(in: decoder, known: Key.allCases.map(\.rawValue))
        let container = try decoder.container(keyedBy: Key.self)
        try container.read(.exits, into: &exits)
        try container.read(.base, into: &base)
        try container.read(.step, into: &step)
        try container.read(.stepMode, into: &stepMode)
        try container.read(.channels, into: &channels)
        try container.read(.growth, into: &growth)
        try container.read(.growthFactors, into: &growthFactors)
        try container.read(.bottleneckFactors, into: &bottleneckFactors)
        try container.read(.bottleneck, into: &bottleneck)
        try container.read(.dropsScales, into: &dropsScales)
        try container.read(.reduction, into: &reduction)
        try container.read(.stem, into: &stem)
        try container.read(.ensemble, into: &ensemble)
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
        try container.encode(ensemble, forKey: .ensemble)
    }
}
