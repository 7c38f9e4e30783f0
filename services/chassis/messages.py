"""Message classes by full name, for those who meet events of packages they do not import."""

from __future__ import annotations

from functools import lru_cache

from google.protobuf import message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message

from services.chassis.contract import DESCRIPTORS


@lru_cache(maxsize=1)
def _pool() -> DescriptorPool:
    pool = DescriptorPool()
    for file in FileDescriptorSet.FromString(DESCRIPTORS.read_bytes()).file:
        pool.Add(file)
    return pool


@lru_cache(maxsize=256)
def message_class(full_name: str) -> type[Message]:
    """The class of a message of the contract. Raises KeyError where the contract has none of that name."""
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(full_name))
