"""A contract of its own for the chassis' tests: one event `Fact`, made here, so that no service's events are needed."""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from services.chassis.contract import Contract
from services.chassis.rules import EventRule, StreamRule

PACKAGE = "kerya.facts.v1"
STREAM = "FACT"
SUBJECT = "fact.found"
MAX_BYTES = 64 << 20

_STRING = descriptor_pb2.FieldDescriptorProto.TYPE_STRING
_INT64 = descriptor_pb2.FieldDescriptorProto.TYPE_INT64


def _fact() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="kerya/facts/v1/facts.proto", package=PACKAGE, syntax="proto3")
    message = file.message_type.add(name="Fact")
    for number, (name, kind) in enumerate([("thing_id", _STRING), ("number", _INT64), ("text", _STRING)], 1):
        message.field.add(name=name, number=number, type=kind, label=descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.Fact"))


Fact = _fact()


def contract(
    *, stream: str = STREAM, subject: str = SUBJECT, max_bytes: int = MAX_BYTES, revokes: str = ""
) -> Contract:
    """The contract with `Fact` as its one event."""
    full_name = f"{PACKAGE}.Fact"
    return Contract(
        methods={},
        events={full_name: EventRule(full_name, PACKAGE, stream, subject, "thing_id", revokes, ())},
        streams={STREAM: StreamRule(STREAM, PACKAGE, 86_400.0, max_bytes)},
        reasons={},
        personal={},
    )
