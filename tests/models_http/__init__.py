"""The server of models, by the SDK and by the gateways that use it."""
