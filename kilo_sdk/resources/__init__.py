"""The client's fronts: chat, models, providers."""
