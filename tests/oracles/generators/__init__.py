"""The real generators. Each module has

- `NAME` and `VERSION`, the version that is installed, pinned;
- `install(cache)`: puts the generator into the folder `cache`, by name and version from its registry;
- `build(site, cache)`: builds the blog in the folder `site`, a copy that it may add to, without a network;
  its posts come back as `oracles.Built`.
"""
