import CPNG

extension ImageU8 {
    /// The image as the bytes of a PNG file, grey or RGB.
    ///
    /// - Throws: ``DataError`` when libpng refuses, for want of memory.
    package func encodedPNG() throws -> [UInt8] {
        let image = UnsafeMutablePointer<png_image>.allocate(capacity: 1)
        image.initialize(to: png_image())
        defer {
            png_image_free(image)
            image.deallocate()
        }
        image.pointee.version = png_uint_32(PNG_IMAGE_VERSION)
        image.pointee.width = png_uint_32(width)
        image.pointee.height = png_uint_32(height)
        image.pointee.format = channels == 3 ? png_uint_32(PNG_FORMAT_FLAG_COLOR) : 0  // 8-bit RGB or grey
        let area = height * width
        var interleaved = [UInt8](repeating: 0, count: channels * area)
        for channel in 0..<channels {
            for pixel in 0..<area { interleaved[pixel * channels + channel] = pixels[channel * area + pixel] }
        }
        // Rows and chunk headers of an image that does not compress, generously.
        var bytes = [UInt8](repeating: 0, count: interleaved.count + interleaved.count / 8 + height + 4096)
        var size = png_alloc_size_t(bytes.count)
        guard png_image_write_to_memory(image, &bytes, &size, 0, interleaved, 0, nil) != 0 else {
            throw DataError(.corruptImage, "cannot encode an image of \(width)x\(height) as PNG")
        }
        return Array(bytes[..<Int(size)])
    }
}
