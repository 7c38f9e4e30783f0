"""Server reflection, v1 and v1alpha: the two differ in their package name only, and clients ask for either."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
from google.protobuf import text_format
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha._async import ReflectionServicer

from services.chassis.contract import DESCRIPTORS

NAMES = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")


def add_reflection(server: grpc.aio.Server) -> None:
    """Serves the whole contract's descriptors: behind the edge, whichever service answers knows them all."""
    pool = DescriptorPool()
    services: list[str] = list(NAMES)
    for file in FileDescriptorSet.FromString(DESCRIPTORS.read_bytes()).file:
        pool.Add(file)
        services += [f"{file.package}.{service.name}" for service in file.service]
    for file in _own_schemas():
        pool.Add(file)
    servicer = ReflectionServicer(sorted(set(services)), pool=pool)
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        reflection_pb2.ServerReflectionRequest.FromString,
        reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    for name in NAMES:
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(name, {"ServerReflectionInfo": handler}),)
        )


def _own_schemas() -> Iterator[FileDescriptorProto]:
    """The schema of reflection itself, which clients resolve like any other: as installed, and renamed to v1."""
    schema = FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(schema)
    yield schema
    renamed = FileDescriptorProto()
    text_format.Parse(text_format.MessageToString(schema).replace("v1alpha", "v1"), renamed)
    yield renamed
