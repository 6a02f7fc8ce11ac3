"""Starts an agent's program under its guard, reads it, and makes sure that nothing of it is left."""
