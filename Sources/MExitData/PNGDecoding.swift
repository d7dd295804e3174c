import CPNG

/// Decodes a whole PNG file to RGB, transparent pixels composited on white.
///
/// Uses libpng's simplified interface: it keeps `longjmp`, which must not cross Swift frames, inside libpng.
func decodePNG(_ bytes: UnsafeRawBufferPointer, limits: ImageLimits, name: String) throws -> ImageU8 {
    // libpng keeps the address of this structure between calls, so it needs a fixed one.
    let image = UnsafeMutablePointer<png_image>.allocate(capacity: 1)
    image.initialize(to: png_image())
    defer {
        png_image_free(image)
        image.deallocate()
    }
    func failure() -> DataError {
        let text = withUnsafeBytes(of: image.pointee.message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return DataError(.corruptImage, "cannot decode \(name): damaged or cut-off PNG (\(text)); replace or remove it")
    }

    image.pointee.version = png_uint_32(PNG_IMAGE_VERSION)
    guard png_image_begin_read_from_memory(image, bytes.baseAddress, bytes.count) != 0 else { throw failure() }
    let (width, height) = (Int(image.pointee.width), Int(image.pointee.height))
    try limits.check(width: width, height: height, of: name)

    image.pointee.format = png_uint_32(PNG_FORMAT_FLAG_COLOR)  // 8-bit RGB
    // Without this flag libpng takes 16-bit samples that name no gamma as linear light and brightens them.
    image.pointee.flags |= png_uint_32(PNG_IMAGE_FLAG_16BIT_sRGB)
    var white = png_color(red: 255, green: 255, blue: 255)
    var interleaved = [UInt8](repeating: 0, count: 3 * width * height)
    guard png_image_finish_read(image, &white, &interleaved, 0, nil) != 0 else { throw failure() }
    return interleaved.withUnsafeBufferPointer { ImageU8.planar(interleaved: $0, height: height, width: width) }
}
