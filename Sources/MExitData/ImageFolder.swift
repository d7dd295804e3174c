/// One folder of images per class: `DIR/train/<class>/...` and `DIR/test/<class>/...` (or `DIR/val`), or `DIR/<class>/...`.
struct ImageFolder {
    private let directory: String

    init(_ directory: String) { self.directory = directory }

    func load(test: Bool, name: String, _ options: LoadOptions) throws -> DataSet {
        let files = try files(test: test, name: name, options)
        let data = try files.decode(files.entries.indices, options)
        try files.checkClasses(labels: data.labels, skipped: data.skipped)
        return data
    }

    /// The images of a split, none of them read yet, but for one where the options give no size.
    func files(test: Bool, name: String, _ options: LoadOptions) throws -> ImageFiles {
        let folder = try self.folder(test: test)
        let own = try classFolders(in: folder)
        // Labels mean the same in every split: those of the wanted classes, else of the training folders.
        let classNames = try options.classNames ?? (test && hasTrain ? classFolders(in: "\(directory)/train") : own)
        var labels: [String: Int] = [:]
        for (label, className) in classNames.enumerated() { labels[className] = label }

        var entries: [ImageFiles.Entry] = []
        for className in own {
            guard let label = labels[className] else {
                throw DataError(
                    .classMismatch,
                    "cannot use \(name): '\(folder)/\(className)' is not one of the \(classNames.count) known classes "
                        + "(\(classNames.prefix(5).joined(separator: ", "))\(classNames.count > 5 ? ", ..." : "")); rename or remove it")
            }
            let images = try imageFiles(in: "\(folder)/\(className)", above: [directory, folder].compactMap(FolderIdentity.init))
            guard !images.isEmpty else {
                throw DataError(
                    .emptyClass,
                    "cannot use \(name): class folder '\(folder)/\(className)' has no .jpg, .jpeg or .png file; add images or remove it")
            }
            entries += images.map { ImageFiles.Entry(path: $0, label: label) }
        }
        return try ImageFiles(name: name, classNames: classNames, entries: entries, options)
    }

    private var hasTrain: Bool { isFolder("\(directory)/train") }

    private func folder(test: Bool) throws -> String {
        let tests = ["test", "val"].map { "\(directory)/\($0)" }.filter { isFolder($0) }
        if test {
            if let folder = tests.first { return folder }
            throw DataError(.noSplit, "cannot load the test split of 'images:\(directory)': it has no folder 'test' or 'val'")
        }
        if hasTrain { return "\(directory)/train" }
        guard tests.isEmpty else {
            throw DataError(.noSplit, "cannot load the training split of 'images:\(directory)': it has no folder 'train'")
        }
        return directory
    }

    private func classFolders(in folder: String) throws -> [String] {
        let names = try listFolder(folder).filter(\.isFolder).map(\.name)
        guard !names.isEmpty else {
            throw DataError(.noClasses, "cannot use '\(folder)' as training images: no folder in it; make one folder per class")
        }
        return names
    }

    /// The image files of a class, folders within it included, in a fixed order.
    ///
    /// A link to one of the folders above is left alone: following it would never end, or count images twice.
    private func imageFiles(in folder: String, above: [FolderIdentity]) throws -> [String] {
        let own = [FolderIdentity(folder)].compactMap { $0 }
        if own.contains(where: above.contains) { return [] }
        var files: [String] = []
        for entry in try listFolder(folder) {
            let path = "\(folder)/\(entry.name)"
            if entry.isFolder {
                files += try imageFiles(in: path, above: above + own)
            } else if let dot = entry.name.lastIndex(of: "."),
                ["jpg", "jpeg", "png"].contains(entry.name[entry.name.index(after: dot)...].lowercased())
            {
                files.append(path)
            }
        }
        return files
    }
}
