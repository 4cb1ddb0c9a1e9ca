"""Template code in bodies: shortcodes, Liquid, MDX."""
