"""The wire: generated protobuf code, and the link's messages to and from protobuf and msgpack by its descriptors. protobuf stays in here."""
