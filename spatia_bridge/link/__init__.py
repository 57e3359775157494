"""The live link as a state machine: hello, credits, queues, resume. No socket, no asyncio, no protobuf, no clock of its own."""
