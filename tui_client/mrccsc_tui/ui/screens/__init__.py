"""Whole screens: signing in, the main screen, and what opens above it."""
