"""A small contract with one RPC of every kind the edge tells apart."""

from __future__ import annotations

import tempfile
from pathlib import Path

from google.api import annotations_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet

from edge.envoy.contract import Contract
from kerya.contract.v1 import contract_pb2
from services.chassis.contract import DESCRIPTORS

PACKAGE = "kerya.demo.v1"
SERVICE = f"{PACKAGE}.DemoService"


def demo_contract(*, spanning: bool = False) -> Contract:
    """`spanning` adds a path with a variable of several segments."""
    committed = FileDescriptorSet.FromString(DESCRIPTORS.read_bytes())
    shared = [file for file in committed.file if file.package == "kerya.contract.v1"]
    files = FileDescriptorSet(file=[*shared, _file(spanning)])
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "demo.binpb"
        path.write_bytes(files.SerializeToString())
        return Contract.load(path)


def _file(spanning: bool) -> FileDescriptorProto:
    file = FileDescriptorProto(name="kerya/demo/v1/demo.proto", package=PACKAGE, syntax="proto3")
    request = file.message_type.add(name="Thing")
    request.field.add(name="thing_id", number=1, type=FieldDescriptorProto.TYPE_STRING)
    secret = request.field.add(name="token", number=2, type=FieldDescriptorProto.TYPE_STRING)
    secret.options.Extensions[contract_pb2.personal] = contract_pb2.SECRET
    file.service.add(name="DemoService")
    _rpc(file, "GetThing", get="/v1/things/{thing_id}")
    _rpc(file, "CreateThing", post="/v1/things")
    _rpc(file, "ExportThing", get="/v1/exports/{token}")
    _rpc(file, "WatchThing", get="/v1/things/{thing_id}:watch", server_streaming=True)
    _rpc(file, "Inside", internal=True)
    if spanning:
        _rpc(file, "GetFile", get="/v1/files/{thing_id=**}")
    return file


def _rpc(
    file: FileDescriptorProto,
    name: str,
    *,
    get: str = "",
    post: str = "",
    server_streaming: bool = False,
    internal: bool = False,
) -> None:
    thing = f".{PACKAGE}.Thing"
    method = file.service[0].method.add(
        name=name, input_type=thing, output_type=thing, server_streaming=server_streaming
    )
    limit = method.options.Extensions[contract_pb2.limit]
    limit.rate, limit.per = 1000, "1s"
    access = method.options.Extensions[contract_pb2.access]
    if internal:
        access.internal.append("booking")
        return
    access.public = True
    rule = method.options.Extensions[annotations_pb2.http]
    if get:
        rule.get = get
    else:
        rule.post, rule.body = post, "*"
