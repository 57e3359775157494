"""From pictures alone: depth, the direction of gravity, scale."""
