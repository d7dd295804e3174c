#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Random changes to a training image that keep its class.
///
/// In the order they are applied: a random crop of the image padded with black, or a random part of it brought to the input's size; a
/// mirror image with probability ½; and a square set to zero after normalisation. They are torchvision's `RandomCrop(size, padding)`,
/// `RandomResizedCrop` and `RandomHorizontalFlip`, the standard training transforms of CIFAR and ImageNet.
public struct Augmentation: Hashable, Sendable {
    /// Black pixels added on each side before cropping back to the image's size; 0: no crop. Where whole images are kept
    /// (``LoadOptions/cropSide``), a window as large as the network's input is cut out of them instead.
    public var cropPadding: Int
    /// Smallest share of the image's area that a random part has, above 0 and at most 1, with an aspect ratio of 3/4 to 4/3 of the
    /// input's; the part is brought to the input's size. 0: none. Takes the place of ``cropPadding``. It is a part of the whole image
    /// where that is kept (``LoadOptions/cropSide``), else of its centre crop.
    ///
    /// Source: Szegedy et al., Going Deeper with Convolutions, CVPR 2015.
    public var smallestPart: Double
    /// Whether half of the images are mirrored.
    public var horizontalFlip: Bool
    /// Side in pixels of a square, its centre anywhere in the image, set to the mean (0 after normalisation); 0: none.
    ///
    /// Source: DeVries and Taylor, Improved Regularization of Convolutional Neural Networks with Cutout, 2017
    /// (arXiv:1708.04552).
    public var cutout: Int

    public init(cropPadding: Int = 4, horizontalFlip: Bool = true, cutout: Int = 0, smallestPart: Double = 0) {
        precondition(cropPadding >= 0 && cutout >= 0, "crop padding and cutout are at least 0")
        precondition(smallestPart >= 0 && smallestPart <= 1, "a part is at most the whole")
        self.cropPadding = cropPadding
        self.smallestPart = smallestPart
        self.horizontalFlip = horizontalFlip
        self.cutout = cutout
    }

    /// No change, as for validation and test images.
    public static let none = Augmentation(cropPadding: 0, horizontalFlip: false, cutout: 0)

    /// What happens to one image in one epoch.
    struct Draw: Hashable {
        /// Position of the crop in the image: row y of the result is row y + `down` of the image, black outside it.
        var down = 0
        var right = 0
        var isMirrored = false
        /// The part of the image that is brought to the input's size; nil: no such thing.
        var part: Part?
        /// Rows and columns set to zero.
        var hiddenRows = 0..<0
        var hiddenColumns = 0..<0
    }

    /// Rows and columns of an image.
    struct Part: Hashable {
        var top, left, height, width: Int
    }

    /// Draws for one image; depends on nothing but the arguments.
    ///
    /// - Parameters:
    ///   - size: Of the network's input.
    ///   - whole: Of all of the image, where that is kept.
    func draw(size: ImageSize, whole: WholeImages.View? = nil, seed: UInt64, epoch: Int, index: Int) -> Draw {
        var draw = Draw()
        if self == .none { return draw }
        var random = CounterRandom(.augmentation, seed: seed, epoch, index)
        if smallestPart > 0 {
            draw.part = part(of: whole?.size ?? size, shape: size, &random)
        } else if cropPadding > 0, let whole {
            let (size, window) = (whole.size, whole.window)
            draw.part = Part(
                top: random.next(below: size.height - window.height + 1), left: random.next(below: size.width - window.width + 1),
                height: window.height, width: window.width)
        } else if cropPadding > 0 {
            draw.down = random.next(below: 2 * cropPadding + 1) - cropPadding
            draw.right = random.next(below: 2 * cropPadding + 1) - cropPadding
        }
        if horizontalFlip { draw.isMirrored = random.next(below: 2) == 1 }
        if cutout > 0 {
            func hidden(_ centre: Int, _ length: Int) -> Range<Int> {
                let start = centre - cutout / 2
                return max(0, start)..<min(length, start + cutout)
            }
            draw.hiddenRows = hidden(random.next(below: size.height), size.height)
            draw.hiddenColumns = hidden(random.next(below: size.width), size.width)
        }
        return draw
    }

    /// As torchvision draws it: area and logarithm of the aspect ratio evenly, ten tries until the part fits; then the largest in the
    /// centre that has such a ratio.
    private func part(of size: ImageSize, shape: ImageSize, _ random: inout CounterRandom) -> Part {
        let square = Double(shape.width) / Double(shape.height)
        for _ in 0..<10 {
            let area = Double(size.height * size.width) * (smallestPart + (1 - smallestPart) * random.uniform())
            let ratio = pow(0.75, 1 - 2 * random.uniform()) * square
            let width = Int((area * ratio).squareRoot().rounded())
            let height = Int((area / ratio).squareRoot().rounded())
            guard (1...size.width).contains(width), (1...size.height).contains(height) else { continue }
            return Part(
                top: random.next(below: size.height - height + 1), left: random.next(below: size.width - width + 1), height: height,
                width: width)
        }
        let height = min(size.height, max(1, Int((Double(size.width) / (0.75 * square)).rounded())))
        let width = min(size.width, max(1, Int((Double(size.height) * square / 0.75).rounded())))
        return Part(top: (size.height - height) / 2, left: (size.width - width) / 2, height: height, width: width)
    }
}
