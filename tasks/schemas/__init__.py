"""Shapes of the frames that steps hand each other (pandera), and the acceptance suite (Great Expectations)."""
