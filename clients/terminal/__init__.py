"""The terminal client: a conversation with a Realtime server, spoken or typed.

`client` holds the conversation and knows no screen; `app` is the screen and knows no protocol;
`view` is what the one tells the other.
"""

__all__: list[str] = []
