"""The wire: generated protobuf code and the one converter between it and the link's messages. protobuf stays in here."""
