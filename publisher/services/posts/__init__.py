"""Posts as readers see them: bodies, summaries, assets."""
