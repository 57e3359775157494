"""The wire: the generated protobuf code, and messages to and from protobuf and msgpack by its descriptors. It stays in here."""
