"""From audio to words: one turn at a time to the recogniser, and its reports back."""
