"""OpenAI's Realtime service, and every server that speaks its protocol, as an upstream."""

__all__ = ["service"]
