"""Messages of mexit.proto to plain values and back."""
from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any, Dict

from google.protobuf.unknown_fields import UnknownFieldSet

from . import mexit_pb2
from .errors import MexitError, require
from .graph import Exit, Graph, Node
from .model import Model, Policy, Preprocessing, Provenance
from .operations import ACTIVATIONS, KINDS, Activation, Input, Operation

# Node's numbers from here on are operations; those below are whatever any node may have.
_FIRST_OPERATION = 16


def model_from_message(message: Any) -> Model:
    """A model without tensors, checked."""
    for part in ("graph", "preprocessing"):
        require(message.HasField(part), f"the model's {part} is missing")
    graph = message.graph
    model = Model(
        graph=Graph(
            [_node(node, index) for index, node in enumerate(graph.nodes)],
            [Exit(exit.name, exit.logits) for exit in graph.exits],
        ),
        tensors={},
        preprocessing=Preprocessing(**_values(message.preprocessing)),
        class_names=list(message.class_names),
        policies=[Policy(**_values(policy)) for policy in message.policies],
        provenance=Provenance(**_values(message.provenance)),
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
            _assign_all(message.policies.add(), policy)
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
    values = _values(message)
    if kind == "input":
        return Input(tuple(values["dims"]))
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


def _values(message: Any) -> Dict[str, Any]:
    """Every field of a message whose fields are scalars or lists of them."""
    values = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        values[field.name] = value if isinstance(value, (str, int, float)) else list(value)
    return values


def _assign_all(message: Any, values: Any) -> None:
    for field in fields(values):
        _assign(message, field.name, getattr(values, field.name))


def _assign(message: Any, name: str, value: Any) -> None:
    if isinstance(value, (list, tuple)):
        getattr(message, name).extend(value)
    else:
        setattr(message, name, value)


