"""Published weights: which ones there are (catalogue), where they lie (library), how they come (fetch), loading once (shared)."""
