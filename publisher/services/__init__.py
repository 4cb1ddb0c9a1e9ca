"""The verbs: gather, let core decide, then persist or send. They know the world only through ports."""
