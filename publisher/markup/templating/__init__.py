"""Template code in bodies: Liquid, shortcodes, MDX."""
