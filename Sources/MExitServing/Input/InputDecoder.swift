import MExitData
import MExitIR
import MExitRuntime

/// Turns what requests name into the model's input. Belongs to one thread.
struct InputDecoder {
    private let folder: AllowedFolder?
    private let images: ImageDecoder

    /// - Parameters:
    ///   - folder: where `path` may read; nil for nowhere.
    init(folder: AllowedFolder?, limits: ImageLimits) {
        self.folder = folder
        images = ImageDecoder(limits: limits)
    }

    /// - Throws: ``RequestError``.
    func decode(_ source: Source, for model: CompiledModel) throws -> Input {
        switch source {
        case .image(let payload): try image(try bytes(payload, of: "image"), name: "the image", model)
        case .path(let path): try image(try file(path), name: "'\(path.prefix(200))'", model)
        case .tensor(let payload, .u8): .pixels(try sized(try bytes(payload, of: "tensor"), bytesPerValue: 1, model))
        case .tensor(let payload, .f32): .values(try floats(try sized(try bytes(payload, of: "tensor"), bytesPerValue: 4, model)))
        }
    }

    private func bytes(_ payload: Payload, of field: String) throws -> [UInt8] {
        switch payload {
        case .bytes(let bytes): return Array(bytes)
        case .base64(let text):
            do {
                return try Base64.decode(text)
            } catch {
                throw RequestError(.badInput, "'\(field)' is not base64: \(error)")
            }
        }
    }

    private func file(_ path: String) throws -> [UInt8] {
        guard let folder else {
            throw RequestError(.forbidden, "'path' is not allowed; start the server with --allow-paths DIR, or send the file as 'image'")
        }
        return try folder.read(path, maximumBytes: images.limits.maximumBytes)
    }

    private func image(_ bytes: [UInt8], name: String, _ model: CompiledModel) throws -> Input {
        guard case .map(let channels, let height, let width) = model.inputShape, channels == 1 || channels == 3 else {
            throw RequestError(.badInput, "this model takes \(model.inputShape), which no picture has; send a 'tensor'")
        }
        do {
            return .pixels(try images.decode(bytes, name: name).converted(channels: channels).fitted(height: height, width: width).pixels)
        } catch let error as DataError {
            throw RequestError(error.code == .imageTooLarge ? .tooLarge : .badInput, "\(error)")
        }
    }

    private func sized(_ bytes: [UInt8], bytesPerValue: Int, _ model: CompiledModel) throws -> [UInt8] {
        guard bytes.count == model.inputShape.count * bytesPerValue else {
            throw RequestError(
                .badInput,
                "'tensor' has \(bytes.count) bytes; this model takes \(model.inputShape), \(model.inputShape.count * bytesPerValue) bytes as \(bytesPerValue == 1 ? "u8" : "f32")")
        }
        return bytes
    }

    private func floats(_ bytes: [UInt8]) throws -> [Float] {
        let values = [Float](unsafeUninitializedCapacity: bytes.count / 4) { out, filled in
            bytes.withUnsafeBytes { raw in
                for index in 0..<raw.count / 4 {
                    out[index] = Float(bitPattern: UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)))
                }
            }
            filled = bytes.count / 4
        }
        if let bad = values.firstIndex(where: { !$0.isFinite }) {
            throw RequestError(.badInput, "the tensor's value \(bad) is \(values[bad]); all values must be finite")
        }
        return values
    }
}
