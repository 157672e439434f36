"""Google's Gemini Live as an upstream.

Its protocol is written here, over our own connection, and neither by Pipecat's service nor by the
live client of google-genai. Pipecat's `GeminiLiveLLMService` answers by itself when a turn ends,
and keeps the conversation to itself: it cannot be asked for one response to a conversation that we
give, and reconnects without telling. The client of google-genai (2.34) dials `wss:` alone, waits
for the answer to a setup for ever, and its pings give up on a service that answers them late, as
this one does. What is left is a handful of JSON messages, which need nothing installed; tests hold
them against google-genai's types, and google-genai's client against the same loopback.
"""

__all__ = ["service"]
