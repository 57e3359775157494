"""Generated from protos/; `python -m spatia_bridge.wire.generate` writes it anew."""
