"""The recogniser and the voice as a server of models, by OpenAI's HTTP endpoints for audio.

Heavy engines want machines of their own, which all gateways share. This server runs them there, as
they run in the gateway: `python -m models_http`. The gateways call it by their `openai` providers,
and so may anybody else's programs. It needs no Ray, and what runs on Ray is `app.models_app` too.

Other wings may enter by the modules in `__all__`.
"""

__all__ = ["app", "engines"]
