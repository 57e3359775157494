"""The `spatia-bridge` command. Modules here load what they need when they run, so that `--help` answers at once."""
