"""Messages of mexit.proto to plain values and back."""
from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any, Dict

from google.protobuf.unknown_fields import UnknownFieldSet

from . import mexit_pb2
from .errors import MexitError, require
from .graph import MAX_EDGES, Exit, Graph, Node
from .calibration import QUANTITIES, GainTable, GainTables, Policy, Promise
from .model import Model, Preprocessing, Provenance
from .operations import ACTIVATIONS, KINDS, Activation, Input, Operation

# Node's numbers from here on are operations; those below are whatever any node may have.
_FIRST_OPERATION = 16


def model_from_message(message: Any) -> Model:
    """A model without tensors, checked."""
    for part in ("graph", "preprocessing"):
        require(message.HasField(part), f"the model's {part} is missing")
    graph = message.graph
    # Before anything is made of them; `Graph` and `Model` have these rules, too.
    edges = sum(len(node.inputs) for node in graph.nodes)
    require(edges <= MAX_EDGES, f"the nodes read {edges} values in all; at most {MAX_EDGES}")
    network = Graph([_node(node, index) for index, node in enumerate(graph.nodes)], [Exit(exit.name, exit.logits) for exit in graph.exits])
    for name in ("mean", "std"):
        count, channels = len(getattr(message.preprocessing, name)), network.input_shape[0]
        require(count == channels, f"preprocessing.{name} has {count} values; the input has {channels} channels")
    classes = network.class_count
    require(len(message.class_names) in (0, classes), f"{len(message.class_names)} class names; the graph has {classes} classes")
    model = Model(
        graph=network,
        tensors={},
        preprocessing=Preprocessing(**_values(message.preprocessing)),
        class_names=list(message.class_names),
        policies=[_policy(policy) for policy in message.policies],
        provenance=Provenance(**_values(message.provenance)),
        gain_tables=_gain_tables(message.gain_tables) if message.HasField("gain_tables") else None,
    )
    model.check_description()
    return model


def message_from_model(model: Model) -> Any:
    """A `mexit_pb2.Model`. Raises `MexitError` for a number that its field cannot hold."""
    try:
        message = mexit_pb2.Model(class_names=model.class_names)
        message.graph.SetInParent()
        for node in model.graph.nodes:
            added = message.graph.nodes.add(name=node.name, block=node.block, inputs=node.inputs)
            operation = getattr(added, node.kind)
            operation.SetInParent()
            for name, value in _operation_fields(node.operation).items():
                _assign(operation, name, value)
        for exit in model.graph.exits:
            message.graph.exits.add(name=exit.name, logits=exit.logits)
        _assign_all(message.preprocessing, model.preprocessing)
        for policy in model.policies:
            added = message.policies.add()
            _assign_all(added, policy, but="promise")
            if policy.promise is not None:
                _assign_all(added.promise, policy.promise, but="quantity")
                added.promise.quantity = QUANTITIES.index(policy.promise.quantity) + 1
        if model.gain_tables is not None:
            _assign_all(message.gain_tables, model.gain_tables, but="exits")
            for table in model.gain_tables.exits:
                _assign_all(message.gain_tables.exits.add(), table)
        message.provenance.SetInParent()
        _assign_all(message.provenance, model.provenance)
        return message
    except (TypeError, ValueError, OverflowError) as error:
        raise MexitError(f"a value does not fit its field: {error}") from None


def _node(message: Any, index: int) -> Node:
    where = f"node {index} '{message.name[:200]}'"
    # An operation that this reader does not know looks like an unknown field; passing over it would change the answer.
    for unknown in UnknownFieldSet(message):
        require(unknown.field_number < _FIRST_OPERATION, f"{where}: operation {unknown.field_number} is not known; a newer version wrote this file")
    kind = message.WhichOneof("operation")
    if kind is None:
        raise MexitError(f"{where} has no operation")
    operation = getattr(message, kind)
    for unknown in UnknownFieldSet(operation):
        raise MexitError(f"{where}: property {unknown.field_number} of operation {kind} is not known; a newer version wrote this file")
    return Node(message.name, message.block, tuple(message.inputs), _operation(kind, operation, where))


def _operation(kind: str, message: Any, where: str) -> Operation:
    if kind == "input":
        require(len(message.dims) <= 3, f"{where}: its shape has {len(message.dims)} dimensions; must be [C, H, W] or [K]")
        return Input(tuple(message.dims))
    values = _values(message)
    if kind == "activation":
        number = values["function"]
        require(1 <= number <= len(ACTIVATIONS), f"{where}: activation function {number} is not known; 1 to {len(ACTIVATIONS)} are")
        return Activation(ACTIVATIONS[number - 1], values["slope"])
    return KINDS[kind](**values)


def _operation_fields(operation: Operation) -> Dict[str, Any]:
    values = asdict(operation)
    if isinstance(operation, Activation):
        values["function"] = ACTIVATIONS.index(operation.function) + 1
    return values


def _policy(message: Any) -> Policy:
    promise = None
    if message.HasField("promise"):
        number = message.promise.quantity
        known = 1 <= number <= len(QUANTITIES)
        require(known, f"policy '{message.name}' promises quantity {number}, which is not known; 1 to {len(QUANTITIES)} are")
        promise = Promise(**{**_values(message.promise), "quantity": QUANTITIES[number - 1]})
    return Policy(**_values(message, but="promise"), promise=promise)


def _gain_tables(message: Any) -> GainTables:
    return GainTables(**_values(message, but="exits"), exits=[GainTable(**_values(table)) for table in message.exits])


def _values(message: Any, but: str = "") -> Dict[str, Any]:
    """Every field but one of a message whose other fields are scalars or lists of them."""
    values = {}
    for field in message.DESCRIPTOR.fields:
        if field.name == but:
            continue
        value = getattr(message, field.name)
        values[field.name] = value if isinstance(value, (str, int, float)) else list(value)
    return values


def _assign_all(message: Any, values: Any, but: str = "") -> None:
    message.SetInParent()
    for field in fields(values):
        if field.name != but:
            _assign(message, field.name, getattr(values, field.name))


def _assign(message: Any, name: str, value: Any) -> None:
    if isinstance(value, (list, tuple)):
        getattr(message, name).extend(value)
    else:
        setattr(message, name, value)


