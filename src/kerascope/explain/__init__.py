"""Stage 4, why and what to do: causes before symptoms, and their source lines."""
