"""Speech-to-speech services behind our sessions, in place of recogniser, model and voice.

The session stays in charge: turns, interruptions, the conversation and its limits are its own. An
upstream hears the turns and makes the responses. Other wings may enter by the modules in `__all__`.

Way of a turn: the transport pushes its audio as frames → `turn_input.py` → the client's
`UpstreamSession` → one connection to the service. Way of a response: `ResponseRequest` →
`UpstreamSession.generation` → `generation.py` takes what the service makes, and reports it.
"""

__all__ = ["loading", "service"]
