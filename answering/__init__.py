"""From words to audio: one response at a time through the model and the voice."""
