from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Storage(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STORAGE_UNSPECIFIED: _ClassVar[Storage]
    F32: _ClassVar[Storage]
    F16: _ClassVar[Storage]
    BF16: _ClassVar[Storage]
    INT8: _ClassVar[Storage]

class Codec(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CODEC_UNSPECIFIED: _ClassVar[Codec]
    RAW: _ClassVar[Codec]
    SHUFFLE_ZLIB: _ClassVar[Codec]
STORAGE_UNSPECIFIED: Storage
F32: Storage
F16: Storage
BF16: Storage
INT8: Storage
CODEC_UNSPECIFIED: Codec
RAW: Codec
SHUFFLE_ZLIB: Codec

class Container(_message.Message):
    __slots__ = ("content", "segments")
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    content: bytes
    segments: _containers.RepeatedCompositeFieldContainer[Segment]
    def __init__(self, content: _Optional[bytes] = ..., segments: _Optional[_Iterable[_Union[Segment, _Mapping]]] = ...) -> None: ...

class Segment(_message.Message):
    __slots__ = ("name", "dims", "storage", "codec", "stage", "offset", "stored_bytes", "raw_bytes", "crc32", "scales")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DIMS_FIELD_NUMBER: _ClassVar[int]
    STORAGE_FIELD_NUMBER: _ClassVar[int]
    CODEC_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    STORED_BYTES_FIELD_NUMBER: _ClassVar[int]
    RAW_BYTES_FIELD_NUMBER: _ClassVar[int]
    CRC32_FIELD_NUMBER: _ClassVar[int]
    SCALES_FIELD_NUMBER: _ClassVar[int]
    name: str
    dims: _containers.RepeatedScalarFieldContainer[int]
    storage: Storage
    codec: Codec
    stage: int
    offset: int
    stored_bytes: int
    raw_bytes: int
    crc32: int
    scales: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, name: _Optional[str] = ..., dims: _Optional[_Iterable[int]] = ..., storage: _Optional[_Union[Storage, str]] = ..., codec: _Optional[_Union[Codec, str]] = ..., stage: _Optional[int] = ..., offset: _Optional[int] = ..., stored_bytes: _Optional[int] = ..., raw_bytes: _Optional[int] = ..., crc32: _Optional[int] = ..., scales: _Optional[_Iterable[float]] = ...) -> None: ...

class Model(_message.Message):
    __slots__ = ("graph", "preprocessing", "class_names", "policies", "provenance", "gain_tables")
    GRAPH_FIELD_NUMBER: _ClassVar[int]
    PREPROCESSING_FIELD_NUMBER: _ClassVar[int]
    CLASS_NAMES_FIELD_NUMBER: _ClassVar[int]
    POLICIES_FIELD_NUMBER: _ClassVar[int]
    PROVENANCE_FIELD_NUMBER: _ClassVar[int]
    GAIN_TABLES_FIELD_NUMBER: _ClassVar[int]
    graph: Graph
    preprocessing: Preprocessing
    class_names: _containers.RepeatedScalarFieldContainer[str]
    policies: _containers.RepeatedCompositeFieldContainer[Policy]
    provenance: Provenance
    gain_tables: GainTables
    def __init__(self, graph: _Optional[_Union[Graph, _Mapping]] = ..., preprocessing: _Optional[_Union[Preprocessing, _Mapping]] = ..., class_names: _Optional[_Iterable[str]] = ..., policies: _Optional[_Iterable[_Union[Policy, _Mapping]]] = ..., provenance: _Optional[_Union[Provenance, _Mapping]] = ..., gain_tables: _Optional[_Union[GainTables, _Mapping]] = ...) -> None: ...

class Graph(_message.Message):
    __slots__ = ("nodes", "exits")
    NODES_FIELD_NUMBER: _ClassVar[int]
    EXITS_FIELD_NUMBER: _ClassVar[int]
    nodes: _containers.RepeatedCompositeFieldContainer[Node]
    exits: _containers.RepeatedCompositeFieldContainer[Exit]
    def __init__(self, nodes: _Optional[_Iterable[_Union[Node, _Mapping]]] = ..., exits: _Optional[_Iterable[_Union[Exit, _Mapping]]] = ...) -> None: ...

class Exit(_message.Message):
    __slots__ = ("name", "logits")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LOGITS_FIELD_NUMBER: _ClassVar[int]
    name: str
    logits: int
    def __init__(self, name: _Optional[str] = ..., logits: _Optional[int] = ...) -> None: ...

class Node(_message.Message):
    __slots__ = ("name", "block", "inputs", "input", "conv2d", "batch_norm", "activation", "add", "concat", "max_pool", "average_pool", "global_average_pool", "linear", "flatten", "upsample", "resize")
    NAME_FIELD_NUMBER: _ClassVar[int]
    BLOCK_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    CONV2D_FIELD_NUMBER: _ClassVar[int]
    BATCH_NORM_FIELD_NUMBER: _ClassVar[int]
    ACTIVATION_FIELD_NUMBER: _ClassVar[int]
    ADD_FIELD_NUMBER: _ClassVar[int]
    CONCAT_FIELD_NUMBER: _ClassVar[int]
    MAX_POOL_FIELD_NUMBER: _ClassVar[int]
    AVERAGE_POOL_FIELD_NUMBER: _ClassVar[int]
    GLOBAL_AVERAGE_POOL_FIELD_NUMBER: _ClassVar[int]
    LINEAR_FIELD_NUMBER: _ClassVar[int]
    FLATTEN_FIELD_NUMBER: _ClassVar[int]
    UPSAMPLE_FIELD_NUMBER: _ClassVar[int]
    RESIZE_FIELD_NUMBER: _ClassVar[int]
    name: str
    block: str
    inputs: _containers.RepeatedScalarFieldContainer[int]
    input: Input
    conv2d: Conv2d
    batch_norm: BatchNorm
    activation: Activation
    add: Add
    concat: Concat
    max_pool: Pool2d
    average_pool: Pool2d
    global_average_pool: GlobalAveragePool
    linear: Linear
    flatten: Flatten
    upsample: Upsample
    resize: Resize
    def __init__(self, name: _Optional[str] = ..., block: _Optional[str] = ..., inputs: _Optional[_Iterable[int]] = ..., input: _Optional[_Union[Input, _Mapping]] = ..., conv2d: _Optional[_Union[Conv2d, _Mapping]] = ..., batch_norm: _Optional[_Union[BatchNorm, _Mapping]] = ..., activation: _Optional[_Union[Activation, _Mapping]] = ..., add: _Optional[_Union[Add, _Mapping]] = ..., concat: _Optional[_Union[Concat, _Mapping]] = ..., max_pool: _Optional[_Union[Pool2d, _Mapping]] = ..., average_pool: _Optional[_Union[Pool2d, _Mapping]] = ..., global_average_pool: _Optional[_Union[GlobalAveragePool, _Mapping]] = ..., linear: _Optional[_Union[Linear, _Mapping]] = ..., flatten: _Optional[_Union[Flatten, _Mapping]] = ..., upsample: _Optional[_Union[Upsample, _Mapping]] = ..., resize: _Optional[_Union[Resize, _Mapping]] = ...) -> None: ...

class Input(_message.Message):
    __slots__ = ("dims",)
    DIMS_FIELD_NUMBER: _ClassVar[int]
    dims: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, dims: _Optional[_Iterable[int]] = ...) -> None: ...

class Conv2d(_message.Message):
    __slots__ = ("out_channels", "kernel_height", "kernel_width", "stride", "padding", "dilation", "groups", "has_bias")
    OUT_CHANNELS_FIELD_NUMBER: _ClassVar[int]
    KERNEL_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    KERNEL_WIDTH_FIELD_NUMBER: _ClassVar[int]
    STRIDE_FIELD_NUMBER: _ClassVar[int]
    PADDING_FIELD_NUMBER: _ClassVar[int]
    DILATION_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    HAS_BIAS_FIELD_NUMBER: _ClassVar[int]
    out_channels: int
    kernel_height: int
    kernel_width: int
    stride: int
    padding: int
    dilation: int
    groups: int
    has_bias: bool
    def __init__(self, out_channels: _Optional[int] = ..., kernel_height: _Optional[int] = ..., kernel_width: _Optional[int] = ..., stride: _Optional[int] = ..., padding: _Optional[int] = ..., dilation: _Optional[int] = ..., groups: _Optional[int] = ..., has_bias: bool = ...) -> None: ...

class BatchNorm(_message.Message):
    __slots__ = ("epsilon",)
    EPSILON_FIELD_NUMBER: _ClassVar[int]
    epsilon: float
    def __init__(self, epsilon: _Optional[float] = ...) -> None: ...

class Activation(_message.Message):
    __slots__ = ("function", "slope")
    class Function(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        FUNCTION_UNSPECIFIED: _ClassVar[Activation.Function]
        RELU: _ClassVar[Activation.Function]
        RELU6: _ClassVar[Activation.Function]
        LEAKY_RELU: _ClassVar[Activation.Function]
        SIGMOID: _ClassVar[Activation.Function]
        TANH: _ClassVar[Activation.Function]
        SILU: _ClassVar[Activation.Function]
        HARD_SWISH: _ClassVar[Activation.Function]
        GELU: _ClassVar[Activation.Function]
    FUNCTION_UNSPECIFIED: Activation.Function
    RELU: Activation.Function
    RELU6: Activation.Function
    LEAKY_RELU: Activation.Function
    SIGMOID: Activation.Function
    TANH: Activation.Function
    SILU: Activation.Function
    HARD_SWISH: Activation.Function
    GELU: Activation.Function
    FUNCTION_FIELD_NUMBER: _ClassVar[int]
    SLOPE_FIELD_NUMBER: _ClassVar[int]
    function: Activation.Function
    slope: float
    def __init__(self, function: _Optional[_Union[Activation.Function, str]] = ..., slope: _Optional[float] = ...) -> None: ...

class Add(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Concat(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Pool2d(_message.Message):
    __slots__ = ("kernel", "stride", "padding", "count_includes_padding")
    KERNEL_FIELD_NUMBER: _ClassVar[int]
    STRIDE_FIELD_NUMBER: _ClassVar[int]
    PADDING_FIELD_NUMBER: _ClassVar[int]
    COUNT_INCLUDES_PADDING_FIELD_NUMBER: _ClassVar[int]
    kernel: int
    stride: int
    padding: int
    count_includes_padding: bool
    def __init__(self, kernel: _Optional[int] = ..., stride: _Optional[int] = ..., padding: _Optional[int] = ..., count_includes_padding: bool = ...) -> None: ...

class GlobalAveragePool(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Linear(_message.Message):
    __slots__ = ("out_features", "has_bias")
    OUT_FEATURES_FIELD_NUMBER: _ClassVar[int]
    HAS_BIAS_FIELD_NUMBER: _ClassVar[int]
    out_features: int
    has_bias: bool
    def __init__(self, out_features: _Optional[int] = ..., has_bias: bool = ...) -> None: ...

class Flatten(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Upsample(_message.Message):
    __slots__ = ("factor",)
    FACTOR_FIELD_NUMBER: _ClassVar[int]
    factor: int
    def __init__(self, factor: _Optional[int] = ...) -> None: ...

class Resize(_message.Message):
    __slots__ = ("height", "width", "align_corners")
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    ALIGN_CORNERS_FIELD_NUMBER: _ClassVar[int]
    height: int
    width: int
    align_corners: bool
    def __init__(self, height: _Optional[int] = ..., width: _Optional[int] = ..., align_corners: bool = ...) -> None: ...

class Preprocessing(_message.Message):
    __slots__ = ("mean", "std")
    MEAN_FIELD_NUMBER: _ClassVar[int]
    STD_FIELD_NUMBER: _ClassVar[int]
    mean: _containers.RepeatedScalarFieldContainer[float]
    std: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, mean: _Optional[_Iterable[float]] = ..., std: _Optional[_Iterable[float]] = ...) -> None: ...

class Policy(_message.Message):
    __slots__ = ("name", "measure", "thresholds", "temperatures", "method", "expected_macs", "expected_accuracy", "samples", "data_fingerprint", "date", "promise")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MEASURE_FIELD_NUMBER: _ClassVar[int]
    THRESHOLDS_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURES_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_MACS_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_ACCURACY_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    DATA_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    DATE_FIELD_NUMBER: _ClassVar[int]
    PROMISE_FIELD_NUMBER: _ClassVar[int]
    name: str
    measure: str
    thresholds: _containers.RepeatedScalarFieldContainer[float]
    temperatures: _containers.RepeatedScalarFieldContainer[float]
    method: str
    expected_macs: float
    expected_accuracy: float
    samples: int
    data_fingerprint: str
    date: str
    promise: Promise
    def __init__(self, name: _Optional[str] = ..., measure: _Optional[str] = ..., thresholds: _Optional[_Iterable[float]] = ..., temperatures: _Optional[_Iterable[float]] = ..., method: _Optional[str] = ..., expected_macs: _Optional[float] = ..., expected_accuracy: _Optional[float] = ..., samples: _Optional[int] = ..., data_fingerprint: _Optional[str] = ..., date: _Optional[str] = ..., promise: _Optional[_Union[Promise, _Mapping]] = ...) -> None: ...

class Promise(_message.Message):
    __slots__ = ("quantity", "limit", "bound", "confidence", "method")
    class Quantity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        QUANTITY_UNSPECIFIED: _ClassVar[Promise.Quantity]
        MACS: _ClassVar[Promise.Quantity]
        ACCURACY: _ClassVar[Promise.Quantity]
        ACCURACY_GAP: _ClassVar[Promise.Quantity]
        DISAGREEMENT: _ClassVar[Promise.Quantity]
    QUANTITY_UNSPECIFIED: Promise.Quantity
    MACS: Promise.Quantity
    ACCURACY: Promise.Quantity
    ACCURACY_GAP: Promise.Quantity
    DISAGREEMENT: Promise.Quantity
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    BOUND_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    quantity: Promise.Quantity
    limit: float
    bound: float
    confidence: float
    method: str
    def __init__(self, quantity: _Optional[_Union[Promise.Quantity, str]] = ..., limit: _Optional[float] = ..., bound: _Optional[float] = ..., confidence: _Optional[float] = ..., method: _Optional[str] = ...) -> None: ...

class GainTables(_message.Message):
    __slots__ = ("measure", "temperatures", "exits", "method", "samples", "data_fingerprint", "date")
    MEASURE_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURES_FIELD_NUMBER: _ClassVar[int]
    EXITS_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    DATA_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    DATE_FIELD_NUMBER: _ClassVar[int]
    measure: str
    temperatures: _containers.RepeatedScalarFieldContainer[float]
    exits: _containers.RepeatedCompositeFieldContainer[GainTable]
    method: str
    samples: int
    data_fingerprint: str
    date: str
    def __init__(self, measure: _Optional[str] = ..., temperatures: _Optional[_Iterable[float]] = ..., exits: _Optional[_Iterable[_Union[GainTable, _Mapping]]] = ..., method: _Optional[str] = ..., samples: _Optional[int] = ..., data_fingerprint: _Optional[str] = ..., date: _Optional[str] = ...) -> None: ...

class GainTable(_message.Message):
    __slots__ = ("edges", "accuracy", "counts", "goes_on_from")
    EDGES_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    GOES_ON_FROM_FIELD_NUMBER: _ClassVar[int]
    edges: _containers.RepeatedScalarFieldContainer[float]
    accuracy: _containers.RepeatedScalarFieldContainer[float]
    counts: _containers.RepeatedScalarFieldContainer[int]
    goes_on_from: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, edges: _Optional[_Iterable[float]] = ..., accuracy: _Optional[_Iterable[float]] = ..., counts: _Optional[_Iterable[int]] = ..., goes_on_from: _Optional[_Iterable[float]] = ...) -> None: ...

class Provenance(_message.Message):
    __slots__ = ("architecture", "command", "seed", "epochs", "data", "data_fingerprint", "validation_accuracy", "producer")
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    EPOCHS_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    DATA_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_ACCURACY_FIELD_NUMBER: _ClassVar[int]
    PRODUCER_FIELD_NUMBER: _ClassVar[int]
    architecture: str
    command: str
    seed: int
    epochs: int
    data: str
    data_fingerprint: str
    validation_accuracy: _containers.RepeatedScalarFieldContainer[float]
    producer: str
    def __init__(self, architecture: _Optional[str] = ..., command: _Optional[str] = ..., seed: _Optional[int] = ..., epochs: _Optional[int] = ..., data: _Optional[str] = ..., data_fingerprint: _Optional[str] = ..., validation_accuracy: _Optional[_Iterable[float]] = ..., producer: _Optional[str] = ...) -> None: ...

class TrainingState(_message.Message):
    __slots__ = ("model", "counters", "numbers", "texts")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    COUNTERS_FIELD_NUMBER: _ClassVar[int]
    NUMBERS_FIELD_NUMBER: _ClassVar[int]
    TEXTS_FIELD_NUMBER: _ClassVar[int]
    model: Model
    counters: _containers.RepeatedCompositeFieldContainer[Counter]
    numbers: _containers.RepeatedCompositeFieldContainer[Number]
    texts: _containers.RepeatedCompositeFieldContainer[Text]
    def __init__(self, model: _Optional[_Union[Model, _Mapping]] = ..., counters: _Optional[_Iterable[_Union[Counter, _Mapping]]] = ..., numbers: _Optional[_Iterable[_Union[Number, _Mapping]]] = ..., texts: _Optional[_Iterable[_Union[Text, _Mapping]]] = ...) -> None: ...

class Counter(_message.Message):
    __slots__ = ("name", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: int
    def __init__(self, name: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...

class Number(_message.Message):
    __slots__ = ("name", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: float
    def __init__(self, name: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...

class Text(_message.Message):
    __slots__ = ("name", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: str
    def __init__(self, name: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
