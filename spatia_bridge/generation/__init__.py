"""Generators: projection, references and a prompt in, frames out. Backends are entry points of `spatia_bridge.generators`."""
